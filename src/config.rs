//! The configuration: one YAML file becomes the settings of the process and the rules for each request.
//!
//! No other module knows YAML or the environment. The stages:
//!
//! ```text
//! source ──tree──► tree ──interpolate──► tree ──read──► File ──settle──► Boot      needs a restart
//!                                                                    └─► Snapshot  swapped on reload
//! ```
//!
//! Each stage records what it finds and goes on, so that an operator sees all mistakes at once. A configuration with a
//! mistake is never used. No message contains the value of a secret or of an environment variable.

pub mod boot;
mod errors;
pub mod file;
mod findings;
mod internet;
mod interpolate;
mod locate;
mod not_yet;
mod overlay;
mod path;
mod read;
mod schema;
mod settle;
mod source;
pub mod text;
mod tree;
mod weakness;

use std::path::Path;

pub use self::boot::{Boot, Feed};
pub use self::errors::{Errors, Problem};
pub use self::file::File;
use self::findings::Findings;
use self::interpolate::Environment;
pub use self::overlay::Overlay;
pub use self::path::{KeyPath, Segment};
pub use self::schema::{schema, schema_text};
use crate::proxy::snapshot::Snapshot;

/// A valid configuration.
#[derive(Debug)]
pub struct Loaded {
    /// The settings that need a restart.
    pub boot: Boot,
    /// The rules that a reload replaces.
    pub snapshot: Snapshot,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// Warnings about what is valid but probably not intended, one sentence each, with its place.
    pub warnings: Vec<String>,
    /// The file with its defaults filled in; secrets print as `[redacted]`.
    pub file: File,
}

/// Reads and checks the file at `path`, with the environment variables of the process.
///
/// # Errors
/// Every mistake in it.
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    let name = path.display().to_string();
    let text = source::read(path, &name)?;
    parse(&name, &text, &|variable| std::env::var(variable).ok())
}

/// Checks a text; `name` is its name in messages, `environment` looks up variables.
///
/// # Errors
/// Every mistake in it.
pub fn parse(name: &str, text: &str, environment: Environment<'_>) -> Result<Loaded, Errors> {
    let sha256 = sha256(text);
    let text = source::text(name, text)?;
    let mut findings = Findings::default();
    let mut tree = tree::read(name, text, &mut findings)?;
    let replaced = interpolate::apply(&mut tree, environment, &mut findings);
    let file: Option<File> = read::read(tree.clone(), &replaced, &mut findings);
    let settled = file.as_ref().and_then(|file| {
        settle::settle(
            &settle::Input {
                file,
                written: &tree,
                environment,
                sha256,
            },
            &mut findings,
        )
    });
    match (settled, file) {
        (Some((boot, snapshot)), Some(file)) if findings.problems.is_empty() => {
            let mut warnings = placed(name, text, findings.warnings);
            warnings.more = findings.more_warnings;
            Ok(Loaded {
                boot,
                snapshot,
                sha256,
                warnings: warnings.to_lines(),
                file,
            })
        }
        _ => {
            let mut errors = placed(name, text, findings.problems);
            errors.more = findings.more;
            Err(errors)
        }
    }
}

fn placed(name: &str, text: &str, found: Vec<(KeyPath, String)>) -> Errors {
    let problem = |(path, message)| Problem {
        position: locate::position(text, &path),
        path,
        message,
    };
    Errors::new(name, found.into_iter().map(problem).collect())
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
