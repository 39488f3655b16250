//! What the commands for accounts and keys share: the services without a server, reading passwords, and output.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::exit::print;
use super::operate::{Target, with_tools};
use super::output::{self, Format};
use crate::app::Tools;
use crate::secret::Secret;

/// The options of every command for accounts and keys.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// The installation to work on.
    #[command(flatten)]
    pub target: Target,
    /// Print a table, or JSON with one object per line.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Format,
}

/// The error of a command; its text is one sentence.
pub(super) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Runs `work` with the services of the installation and prints its answer.
pub(super) fn run(common: &Common, work: impl AsyncFnOnce(&Tools) -> Result<Answer, Failed>) -> ExitCode {
    with_tools(&common.target, async |tools| {
        let answered = work(&tools).await;
        warn_if_unpublished(&tools);
        answered.map(|answer| {
            print(&answer.render(common.output));
            if let (Answer::Secret { note, .. }, Format::Table) = (&answer, common.output) {
                let _ = writeln!(std::io::stderr(), "{note}");
            }
        })
    })
}

/// Warns when a revocation is committed but could not be published: running issuers publish it from the outbox.
fn warn_if_unpublished(tools: &Tools) {
    if tools.revoker.has_failed() {
        let _ = writeln!(
            std::io::stderr(),
            "warning: Redis does not answer; running issuers apply this within a second and publish it to verifiers as soon as Redis is back"
        );
    }
}

/// The source of a password. Never an argument: arguments are in the shell's history and in the process list.
#[derive(Debug, clap::Args)]
pub struct PasswordSource {
    /// Read the password from the first line of this file.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "password_file")]
    pub password_stdin: bool,
}

impl PasswordSource {
    /// Reads the password. Without a source it prompts for it, twice.
    pub(super) fn read(&self) -> Result<Secret, Failed> {
        if let Some(file) = &self.password_file {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
            return first_line(&text);
        }
        if self.password_stdin || !std::io::stdin().is_terminal() {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            return first_line(&text);
        }
        let password = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Again: ")? == password {
            Ok(Secret::new(password))
        } else {
            Err("password: the two entries differ".into())
        }
    }
}

fn first_line(text: &str) -> Result<Secret, Failed> {
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err("password: expected it in the first line, which is empty".into()),
    }
}

/// Reads a file as text, for keys.
pub(super) fn text_of(file: &Path) -> Result<Secret, Failed> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(Secret::new(text))
}

/// The result of a command.
pub(super) enum Answer {
    /// One sentence.
    Done(String),
    /// Rows, with the columns that a table shows.
    Rows(&'static [&'static str], Vec<Value>),
    /// A single object with all of its fields.
    One(Value),
    /// A value that is used by another command, `TOKEN=$(sidegate token mint alice)`: alone on standard output, with a note on
    /// standard error. As JSON it is an object.
    Secret { value: Secret, note: String, object: Value },
}

impl Answer {
    pub(super) fn render(&self, format: Format) -> String {
        let json = |value: &Value| format!("{value}\n");
        match (self, format) {
            (Self::Done(sentence), Format::Table) => format!("{sentence}\n"),
            (Self::Done(sentence), Format::Json) => json(&serde_json::json!({ "message": sentence })),
            (Self::Rows(columns, rows), format) => {
                let mut text = Vec::new();
                output::rows(&mut text, format, columns, rows).expect("a Vec takes any bytes");
                String::from_utf8_lossy(&text).into_owned()
            }
            (Self::One(value) | Self::Secret { object: value, .. }, Format::Json) => json(value),
            (Self::Secret { value, .. }, Format::Table) => format!("{}\n", value.expose()),
            (Self::One(value), Format::Table) => {
                let members = || value.as_object().into_iter().flatten();
                let width = members().map(|(name, _)| name.len()).max().unwrap_or_default();
                let line = |(name, value): (&String, &Value)| format!("{name:width$}  {}\n", output::text(value));
                members().map(line).collect::<Vec<_>>().concat()
            }
        }
    }
}

/// A time as people and programs both read it.
pub(super) fn instant(at: Option<time::OffsetDateTime>) -> Value {
    let whole = at.and_then(|at| at.replace_nanosecond(0).ok());
    whole
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_thing_is_shown_member_by_member() {
        let shown = Answer::One(json!({"email": "alice@example.com", "roles": ["a", "b"]})).render(Format::Table);
        assert_eq!(shown, "email  alice@example.com\nroles  a,b\n");
    }

    #[test]
    fn a_password_is_the_first_line_and_never_nothing() {
        assert_eq!(first_line("secret words \nmore").unwrap().expose(), "secret words ");
        assert!(first_line("").is_err() && first_line("\nsecond").is_err());
    }
}
