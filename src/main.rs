//! The `sidegate` command.

use std::process::ExitCode;

use clap::Parser;
use sidegate::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
