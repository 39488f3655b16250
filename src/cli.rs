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
pub mod id;
pub mod keys;
pub mod migrate;
pub mod operate;
pub mod operator;
pub mod output;
pub mod secrets;
pub mod serve;
pub mod session;
pub mod token;
pub mod user;

/// An authenticating reverse proxy.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands of `sidegate`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a configuration file and report every mistake, each with its key and line.
    Check(check::Args),
    /// Print the configuration's schema, print a file with its defaults, or explain a decision.
    Config(config::Args),
    /// Run everything on this machine to try Sidegate, or run a command with a fresh PostgreSQL and Redis.
    Dev(dev::Args),
    /// Serve proxied requests, and `/auth` if the configuration has an `auth` section.
    Serve(serve::Args),
    /// Run, undo, list or print the migrations of the database schema.
    Migrate {
        /// The configuration that names the database.
        #[command(flatten)]
        target: operate::Target,
        /// What to do with it.
        #[command(flatten)]
        args: migrate::Args,
    },
    /// Remove expired rows, and inspect the database.
    Db {
        /// The configuration that names the database.
        #[command(flatten)]
        target: operate::Target,
        /// What to do with it.
        #[command(flatten)]
        args: db::Args,
    },
    /// Manage accounts and invitations.
    User(user::Args),
    /// Print and follow the audit log.
    Audit(audit::Args),
    /// List and end the sessions of an account.
    Session(session::Args),
    /// List, rotate, retire and import the keys that sign access tokens.
    Keys(keys::Args),
    /// Make a secret, and re-encrypt the database after `auth.secret` was replaced.
    Secrets {
        /// The installation.
        #[command(flatten)]
        target: operate::Target,
        /// The operation.
        #[command(flatten)]
        args: secrets::Args,
    },
    /// Issue or inspect an access token.
    Token(token::Args),
    /// Exit with 0 if the instance is ready, with 1 otherwise.
    Healthcheck(healthcheck::Args),
    /// Print a completion script for a shell.
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// Runs the subcommand. The exit code is 0 on success, 1 on failure, 2 for wrong arguments, 64 for a wrong
    /// configuration.
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
            // It needs no installation: an operator makes a secret before there is one.
            Command::Secrets { args, .. } if args.makes_one() => print(&secrets::new()),
            Command::Secrets { target, args } => operate::with_tools(&target, async |tools| {
                let settings = &tools.accounts.settings;
                secrets::run(
                    &args,
                    &tools.postgres,
                    &settings.secrets,
                    settings.refresh_token.ttl,
                    clock::now(),
                    &mut std::io::stdout(),
                )
                .await
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
