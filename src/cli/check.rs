//! `sidegate check`: reports what is wrong with a configuration, without starting anything.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{bad_config, print};
use crate::config::{self, Loaded};

/// Check a configuration file and report every mistake, each with its key and line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read this configuration file.
    #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
    pub config: PathBuf,
}

/// Reads the file as `serve` does, secrets included.
pub fn run(args: &Args) -> ExitCode {
    match config::load(&args.config) {
        Ok(loaded) => print(&report(&args.config, &loaded)),
        Err(errors) => bad_config(&errors),
    }
}

/// The warnings, and one line of summary.
fn report(path: &Path, loaded: &Loaded) -> String {
    let mut report = String::new();
    for warning in &loaded.warnings {
        let _ = writeln!(report, "warning: {warning}");
    }
    let role = if loaded.boot.auth.is_some() {
        "an issuer"
    } else {
        "a verifier"
    };
    let (routes, upstreams) = (
        loaded.snapshot.rules.routes.iter().count(),
        loaded.snapshot.upstreams.len(),
    );
    let (s, ss) = (plural(routes), plural(upstreams));
    let _ = writeln!(
        report,
        "{} is valid: {role} with {routes} route{s} and {upstreams} upstream{ss}",
        path.display()
    );
    report
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
