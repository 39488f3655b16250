//! `sidegate config`: prints the schema, prints a file with its defaults, and explains a decision.

mod explain;

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::{bad_config, print};
use crate::config;

/// Print the configuration's schema, print a file with its defaults, or explain a decision.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subcommands of `sidegate config`.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands of `sidegate config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Explain how a request would be decided, and why.
    Explain(explain::Args),
    /// Print a file with its defaults filled in and its secrets redacted.
    Print {
        /// Read this configuration file.
        #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
        config: PathBuf,
    },
}

/// Runs the subcommand.
pub fn run(args: &Args) -> ExitCode {
    match &args.command {
        Command::Schema => print(&config::schema_text()),
        Command::Explain(args) => explain::run(args),
        Command::Print { config } => match config::load(config) {
            Ok(loaded) => print(&loaded.file.to_yaml()),
            Err(errors) => bad_config(&errors),
        },
    }
}
