//! The command line: one file per subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Errors;

pub mod check;
pub mod config;
pub mod db;
pub mod dev;
pub mod migrate;
pub mod output;

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
}

impl Cli {
    /// Does it.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Check(args) => check::run(&args),
            Command::Config(args) => config::run(&args),
            Command::Dev(args) => dev::run(&args),
        }
    }
}

/// What a shell sees when the configuration is the reason (`EX_USAGE` of sysexits.h), as opposed to 1, a failure at work.
const BAD_CONFIG: u8 = 64;

/// Prints every mistake to standard error.
fn bad_config(errors: &Errors) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{errors}");
    ExitCode::from(BAD_CONFIG)
}

/// Prints to standard output. A closed pipe is the reader's choice and no failure.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
