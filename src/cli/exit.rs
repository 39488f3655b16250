//! How a command ends: what it says last, and its exit code.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::Errors;

/// What a shell sees when the configuration is the reason (`EX_USAGE` of sysexits.h), as opposed to 1, a failure at work.
const BAD_CONFIG: u8 = 64;

/// Prints every mistake to standard error.
pub(super) fn bad_config(errors: &Errors) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{errors}");
    ExitCode::from(BAD_CONFIG)
}

/// Says in one sentence what went wrong.
pub(super) fn failed(error: &impl std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sidegate: {error}");
    ExitCode::FAILURE
}

/// Prints to standard output. A closed pipe is the reader's choice and no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
