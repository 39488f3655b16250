//! `sidegate config`: the form of the file, a file as it is understood, and what it means for a request.

mod explain;

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::{bad_config, print};
use crate::config;

/// Show the form of the configuration, or a file as it is understood.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to show.
    #[command(subcommand)]
    pub command: Command,
}

/// What to show.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the JSON Schema of the file, for editors.
    Schema,
    /// Explain what the gate would say to a request, and why.
    Explain(explain::Args),
    /// Print a file with its defaults filled in and its secrets redacted.
    Print {
        /// The file.
        #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
        config: PathBuf,
    },
}

/// Prints what is asked for.
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
