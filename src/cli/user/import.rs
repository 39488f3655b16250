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

/// Accounts of one transaction: enough that its cost is theirs, few enough that little is done again after a failure.
const BATCH: usize = 500;
/// No account needs a longer line; a file without line breaks must not be read into memory whole.
const LINE_MAX: u64 = 64 * 1024;

/// Import accounts from a file of JSON lines. An account whose address is there already is skipped, so that an import that
/// was interrupted is begun again.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Each line is an object:
  email           required
  username        a second name to sign in with
  password_hash   bcrypt ($2a$, $2b$, $2y$), argon2id or argon2i; without one, the person resets the password
  roles           list of words
  permissions     list of words
  profile         object: name, locale, …
  email_verified  whether the address is known to be theirs; default false
  created_at      2019-02-03T04:05:06Z; default now
  id              a UUID, the `sub` of tokens; default a new one

Lines that cannot be imported are named on standard error, and the exit code is then 1; all others are imported.")]
pub struct Arguments {
    /// The file.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Say what would happen, and change nothing.
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

/// Imports.
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
    /// Addresses of a dry run, whose accounts no later batch finds.
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
        // Some programs begin a file with a byte order mark, and many end it with an empty line.
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

/// Reads a line without its end; `false` at the end of the file. Of a line that is too long, only as much is kept as shows
/// that.
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

/// A line on a terminal that is written over.
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
