//! `sidegate serve`: the product.

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::{bad_config, failed};
use crate::app::{self, Options, Stop};
use crate::config;

/// Serve: proxy requests, and `/auth` where the configuration has it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration; read again on SIGHUP and on POST /-/reload.
    #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
    pub config: PathBuf,
}

/// Serves until a signal.
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
