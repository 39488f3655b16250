//! What commands that work on an issuer's data share: they load the configuration, build the services and run on a
//! runtime.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;

use super::exit::{bad_config, failed};
use crate::app::Tools;
use crate::config;

/// The installation that a command works on.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// Read the issuer's configuration from this file.
    #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml", global = true)]
    pub config: PathBuf,
}

/// Runs `work` with the services of the installation, and turns its result into an exit code.
pub fn with_tools<E: Display>(target: &Target, work: impl AsyncFnOnce(Tools) -> Result<(), E>) -> ExitCode {
    let loaded = match config::load(&target.config) {
        Ok(loaded) => loaded,
        Err(errors) => return bad_config(&errors),
    };
    let runtime = match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = match Tools::open(loaded, runtime.handle()) {
        Ok(tools) => runtime.block_on(work(tools)).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    runtime.shutdown_timeout(Duration::from_millis(200));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => failed(&sentence),
    }
}
