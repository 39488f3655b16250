//! The last output of a command, and its exit code.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::Errors;
use crate::visible::escaped;

/// The exit code for a wrong configuration (`EX_USAGE` of sysexits.h), as opposed to 1 for a command that failed.
const BAD_CONFIG: u8 = 64;

/// Prints every mistake to standard error.
pub(super) fn bad_config(errors: &Errors) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{errors}");
    ExitCode::from(BAD_CONFIG)
}

/// Prints an error in one sentence to standard error.
pub(super) fn failed(error: &impl std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sidegate: {}", escaped(&error.to_string()));
    ExitCode::FAILURE
}

/// Prints to standard output. A closed pipe (`sidegate … | head`) is not a failure. Names and devices are chosen by
/// users: what would rewrite the operator's terminal is escaped.
pub(super) fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(escaped(text).as_bytes());
    ExitCode::SUCCESS
}
