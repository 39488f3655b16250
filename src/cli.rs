//! The command line: one file per subcommand.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::exit::print;
use crate::clock;

pub mod audit;
pub mod check;
pub mod config;
pub mod db;
pub mod dev;
mod exit;
pub mod healthcheck;
pub mod keys;
pub mod migrate;
pub mod operate;
pub mod operator;
pub mod output;
pub mod serve;
pub mod session;
pub mod token;
pub mod user;

/// A reverse-proxy auth sidecar.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `sidegate` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a configuration file: every mistake at once, each with its key and line.
    Check(check::Args),
    /// Show the form of the configuration, or a file as it is understood.
    Config(config::Args),
    /// Try Sidegate, or run a command with fresh services.
    Dev(dev::Args),
    /// Serve: proxy requests, and `/auth` where the configuration has it.
    Serve(serve::Args),
    /// Bring the schema of the database up or down.
    Migrate {
        /// Where.
        #[command(flatten)]
        target: operate::Target,
        /// What.
        #[command(flatten)]
        args: migrate::Args,
    },
    /// Look after the database.
    Db {
        /// Where.
        #[command(flatten)]
        target: operate::Target,
        /// What.
        #[command(flatten)]
        args: db::Args,
    },
    /// Accounts.
    User(user::Args),
    /// What happened.
    Audit(audit::Args),
    /// Who is signed in where.
    Session(session::Args),
    /// The keys that sign access tokens.
    Keys(keys::Args),
    /// Access tokens, made and looked into by hand.
    Token(token::Args),
    /// Ask the admin listener whether this instance is ready.
    Healthcheck(healthcheck::Args),
    /// Print completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// Does it.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Check(args) => check::run(&args),
            Command::Config(args) => config::run(&args),
            Command::Dev(args) => dev::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Migrate { target, args } => operate::with_tools(&target, async |tools| {
                migrate::run(&args, &tools.postgres, clock::now(), &mut std::io::stdout()).await
            }),
            Command::Db { target, args } => operate::with_tools(&target, async |tools| {
                let retention = tools.boot.retention.expect("an issuer has one");
                db::run(&args, &tools.postgres, retention, clock::now(), &mut std::io::stdout()).await
            }),
            Command::User(args) => user::run(args),
            Command::Audit(args) => audit::run(&args),
            Command::Session(args) => session::run(args),
            Command::Keys(args) => keys::run(args),
            Command::Token(args) => token::run(args),
            Command::Healthcheck(args) => healthcheck::run(&args),
            Command::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "sidegate", &mut text);
                print(&String::from_utf8_lossy(&text))
            }
        }
    }
}
