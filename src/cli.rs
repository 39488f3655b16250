//! The command line: one file per subcommand.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod dev;

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
    /// Try Sidegate, or run a command with fresh services.
    Dev(dev::Args),
}

impl Cli {
    /// Does it.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Dev(args) => dev::run(&args),
        }
    }
}
