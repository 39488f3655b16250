//! `sidegate user import`: accounts from another system, one JSON object a line.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use serde_json::json;

use super::super::exit::print;
use super::super::operator::{Answer, Failed};
use super::super::output::Format;
use crate::accounts::{Accounts, Candidate, Refusal};
use crate::app::Tools;
use crate::clock;

/// The number of accounts per transaction: enough to amortize its cost, few enough that a failure repeats little work.
const BATCH: usize = 500;
/// The longest line, in bytes: a file without line breaks must not be read into memory as a whole.
const LINE_MAX: u64 = 64 * 1024;

/// Import accounts from a file with one JSON object per line. Accounts whose email address exists already are skipped, so
/// that an interrupted import can be started again.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Each line is an object:
  email           required
  username        an alternative to the email address at sign-in
  password_hash   bcrypt ($2a$, $2b$, $2y$), argon2id or argon2i; without one, the user has to reset the password
  roles           list of strings without spaces and commas
  permissions     list of strings without spaces and commas
  profile         object: name, locale, …
  email_verified  whether the email address was verified; default false
  created_at      a time such as 2019-02-03T04:05:06Z; default now
  id              a UUID, the `sub` of tokens; default a new UUID

Lines that cannot be imported are reported on standard error, and the exit code is 1; all others are imported.")]
pub struct Arguments {
    /// The file to import.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Report what would be imported, without changing anything.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Default)]
struct Counts {
    lines: u64,
    imported: usize,
    skipped: usize,
    refused: usize,
}

/// Imports the file and reports how many accounts were imported, skipped and refused.
pub(super) async fn run(tools: &Tools, arguments: &Arguments, format: Format) -> Result<Answer, Failed> {
    let named = |error: io::Error| format!("{}: {error}", arguments.file.display());
    let file = File::open(&arguments.file).map_err(named)?;
    let size = file.metadata().map_err(named)?.len();
    let mut import = Import {
        accounts: &tools.accounts,
        dry_run: arguments.dry_run,
        seen: HashSet::new(),
        batch: Vec::new(),
        counts: Counts::default(),
        progress: Progress::new(size),
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while read_line(&mut reader, &mut line).map_err(named)? {
        import.take(&line).await?;
    }
    import.flush().await?;
    import.progress.clear();
    let Counts {
        lines,
        imported,
        skipped,
        refused,
    } = import.counts;
    let summary = Answer::One(json!({
        "lines": lines,
        "imported": imported,
        "skipped": skipped,
        "refused": refused,
        "dry_run": arguments.dry_run,
    }));
    if refused == 0 {
        return Ok(summary);
    }
    print(&summary.render(format));
    Err(format!("{refused} of {lines} lines were refused").into())
}

struct Import<'a> {
    accounts: &'a Accounts,
    dry_run: bool,
    /// The email addresses seen by a dry run, which creates no account for a later batch to find.
    seen: HashSet<String>,
    batch: Vec<Candidate>,
    counts: Counts,
    progress: Progress,
}

impl Import<'_> {
    async fn take(&mut self, line: &[u8]) -> Result<(), Failed> {
        self.counts.lines += 1;
        self.progress.bytes += line.len() as u64;
        let number = self.counts.lines;
        if line.len() as u64 > LINE_MAX {
            self.refuse(&[whole(number, "the line is longer than 64 KiB")]);
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(line) else {
            self.refuse(&[whole(number, "the line is not UTF-8")]);
            return Ok(());
        };
        // Some programs start a file with a byte order mark, and many end it with an empty line.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Ok(());
        }
        match Candidate::read(number, text, clock::now()) {
            Err(refusal) => self.refuse(&[refusal]),
            Ok(candidate) if self.dry_run && !self.seen.insert(candidate.email().to_owned()) => {
                self.counts.skipped += 1;
            }
            Ok(candidate) => self.batch.push(candidate),
        }
        if self.batch.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        let imported = self
            .accounts
            .registration
            .imports
            .import(&self.batch, self.dry_run, clock::now())
            .await?;
        self.batch.clear();
        self.counts.imported += imported.created;
        self.counts.skipped += imported.skipped;
        self.refuse(&imported.refused);
        self.progress.show(&self.counts);
        Ok(())
    }

    fn refuse(&mut self, refusals: &[Refusal]) {
        self.counts.refused += refusals.len();
        for Refusal { line, field, reason } in refusals {
            self.progress.clear();
            let field = if field.is_empty() {
                String::new()
            } else {
                format!("{field}: ")
            };
            let _ = writeln!(io::stderr(), "line {line}: {field}{reason}");
        }
    }
}

fn whole(line: u64, reason: &str) -> Refusal {
    Refusal {
        line,
        field: String::new(),
        reason: reason.to_owned(),
    }
}

/// Reads a line without its line break; `false` at the end of the file. Of a line that is too long, one byte more than the
/// limit is kept.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = reader.by_ref().take(LINE_MAX + 2).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > LINE_MAX {
        reader.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// The progress line, overwritten in place on a terminal and absent elsewhere.
struct Progress {
    shown: bool,
    bytes: u64,
    size: u64,
}

impl Progress {
    fn new(size: u64) -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            bytes: 0,
            size: size.max(1),
        }
    }

    fn show(&self, counts: &Counts) {
        if self.shown {
            let percent = (self.bytes * 100 / self.size).min(100);
            let Counts {
                lines,
                imported,
                skipped,
                refused,
            } = counts;
            let _ = write!(
                io::stderr(),
                "\r\x1b[K{percent} %: {lines} lines, {imported} imported, {skipped} skipped, {refused} refused"
            );
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_not_read_whole_and_the_next_is_found() {
        let long = "x".repeat(200_000);
        let mut reader = BufReader::new(io::Cursor::new(format!("one\n{long}\n\nlast")));
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while read_line(&mut reader, &mut line).unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [3, 65_538, 0, 4]);
    }
}
