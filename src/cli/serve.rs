//! `sidegate serve`: runs an instance until a signal ends it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::{bad_config, failed};
use crate::app::{self, Options, Stop};
use crate::config;

/// Serve proxied requests, and `/auth` if the configuration has an `auth` section.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read this configuration file; SIGHUP and POST /-/reload read it again.
    #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
    pub config: PathBuf,
}

/// Serves until SIGTERM or SIGINT.
pub fn run(args: Args) -> ExitCode {
    let loaded = match config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(errors) => return bad_config(&errors),
    };
    let options = Options {
        source: Some(args.config),
        stop: Stop::Gracefully,
        on_ready: None,
    };
    match app::serve(loaded, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}
