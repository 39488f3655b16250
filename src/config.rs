//! The configuration: one YAML file becomes what the process starts with and what each request meets.
//!
//! Nothing else knows YAML or the environment. The way of a file:
//!
//! ```text
//! text ──tree──► tree ──interpolate──► tree ──read──► File ──settle──► Boot      needs a restart
//!                                                                  └─► Snapshot  swapped on reload
//! ```
//!
//! Each stage notes what it finds and goes on, so an operator sees all mistakes at once; nothing is put into force unless
//! there is none. No message holds the value of a secret or of an environment variable.

pub mod boot;
mod errors;
pub mod file;
mod findings;
mod interpolate;
mod locate;
mod not_yet;
mod path;
mod read;
mod schema;
mod settle;
pub mod text;
mod tree;

use std::path::Path;

pub use self::boot::{Boot, Feed};
pub use self::errors::{Errors, Problem};
pub use self::file::File;
use self::findings::Findings;
use self::interpolate::Environment;
pub use self::path::{KeyPath, Segment};
pub use self::schema::{schema, schema_text};
use crate::proxy::snapshot::Snapshot;

/// A configuration without mistakes.
#[derive(Debug)]
pub struct Loaded {
    /// What needs a restart.
    pub boot: Boot,
    /// What a reload swaps.
    pub snapshot: Snapshot,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// What works but is probably not meant, one sentence each, with its place.
    pub warnings: Vec<String>,
    /// The file with its defaults filled in; secrets print as `[redacted]`.
    pub file: File,
}

/// Reads and checks the file at `path`, with the variables of the process.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Errors::whole_file(&name, format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Errors::whole_file(&name, "is not UTF-8 text"))?;
    parse(&name, &text, &|variable| std::env::var(variable).ok())
}

/// The same for a text that is already there; `name` is what messages call it, `environment` looks variables up.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str, environment: Environment<'_>) -> Result<Loaded, Errors> {
    let mut findings = Findings::default();
    let mut tree = tree::read(name, text, &mut findings)?;
    let replaced = interpolate::apply(&mut tree, environment, &mut findings);
    let file: Option<File> = read::read(tree.clone(), &replaced, &mut findings);
    let sha256 = sha256(text);
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
            let warnings = placed(name, text, findings.warnings).to_lines();
            Ok(Loaded {
                boot,
                snapshot,
                sha256,
                warnings,
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
