//! `sidegate dev`: everything Sidegate needs, started by itself.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::dev;

/// The arguments of `sidegate dev`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only start fresh PostgreSQL and Redis, run COMMAND with `SIDEGATE_TEST_DATABASE_URL` and
    /// `SIDEGATE_TEST_REDIS_URL` naming them, remove them, and exit as COMMAND did
    #[arg(long, requires = "command")]
    run: bool,

    /// The command for --run, after `--`
    #[arg(last = true, requires = "run", value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args) -> ExitCode {
    match dev::run_with_services(&args.command) {
        Ok(code) => code.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "sidegate: {error}");
            ExitCode::FAILURE
        }
    }
}
