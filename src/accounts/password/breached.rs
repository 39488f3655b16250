//! A list of passwords that were found in breaches, on this machine: nothing about a password leaves it.
//!
//! The list has the format of Have I Been Pwned (<https://haveibeenpwned.com/Passwords>), as its downloader writes it:
//!
//! ```text
//! one file, sorted      000000005AD76BD555C1D6D771DE417A4B87E4B4:10      SHA-1 in hex, colon, number of breaches
//! a folder of ranges    5BAA6.txt with 1E4C9B93F3F0682250B6CF8331B7EE68FD8:52   the file is named by the first five digits
//! ```
//!
//! It is read at each check and not kept in memory (a complete one has 40 GB), so that it can be replaced at any time. A
//! sorted file is searched by halves: some forty reads of a few hundred bytes. A range file has about 40 KB and is read
//! as a whole.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXUPPER;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The number of hex digits that name a range file.
const PREFIX: usize = 5;
/// The number of hex digits of a SHA-1.
const DIGITS: usize = 40;
/// The longest line: the digits, a colon, a number, and a line break.
const LINE: usize = 80;
/// The largest range file that is read.
const RANGE_MAX: u64 = 4 * 1024 * 1024;

/// `auth.password.breached`: the list, a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breached(PathBuf);

impl Breached {
    /// A list that exists and has the right format, as far as its first line shows.
    ///
    /// # Errors
    /// When it cannot be read, or has another format; the text says what was expected.
    pub fn open(path: &Path) -> Result<Self, String> {
        let list = Self(path.to_owned());
        if path.is_dir() {
            // Any range has to be there: each of the 16^5 does in a complete list.
            let ranges = std::fs::read_dir(path).map_err(|error| error.to_string())?;
            let named = ranges
                .filter_map(Result::ok)
                .any(|entry| is_range(&entry.file_name().to_string_lossy()));
            return if named {
                Ok(list)
            } else {
                Err("a folder with range files such as 5BAA6.txt".to_owned())
            };
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let first = line_at(&file, 0).map_err(|error| error.to_string())?;
        match first {
            Some(line) if line.digest.len() == DIGITS => Ok(list),
            _ => {
                Err("a file with lines such as 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52, sorted by hash".to_owned())
            }
        }
    }

    /// Whether a password is in the list.
    ///
    /// # Errors
    /// When the list cannot be read any more.
    pub(crate) fn contains(&self, password: &str) -> io::Result<bool> {
        let sha1 = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref());
        if self.0.is_dir() {
            in_range(&self.0, &sha1)
        } else {
            in_sorted(&File::open(&self.0)?, &sha1)
        }
    }
}

/// Whether a file name is that of a range: five hex digits, with or without `.txt`.
fn is_range(name: &str) -> bool {
    let digits = name.strip_suffix(".txt").unwrap_or(name);
    digits.len() == PREFIX && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn in_range(folder: &Path, sha1: &str) -> io::Result<bool> {
    let (prefix, suffix) = sha1.split_at(PREFIX);
    let open = |name: String| File::open(folder.join(name));
    let file = open(format!("{prefix}.txt")).or_else(|_| open(prefix.to_owned()))?;
    let mut text = String::new();
    file.take(RANGE_MAX).read_to_string(&mut text)?;
    Ok(text.lines().any(|line| digest_of(line).eq_ignore_ascii_case(suffix)))
}

/// A line of a sorted file.
struct Line {
    digest: String,
    /// Where the next line begins.
    next: u64,
}

/// Searches by halves. Each step reads one line, and halves the number of bytes in question.
fn in_sorted(file: &File, sha1: &str) -> io::Result<bool> {
    // A line of this hash begins at `from` or later, and before `to`.
    let (mut from, mut to) = (0, file.metadata()?.len());
    while from < to {
        let middle = from + (to - from) / 2;
        // The first line that begins in the second half; without one the rest is searched from its beginning.
        let start = if middle == from { from } else { next_line(file, middle)? };
        let start = if start >= to { from } else { start };
        let Some(line) = line_at(file, start)? else {
            return Ok(false);
        };
        match line.digest.to_ascii_uppercase().as_str().cmp(sha1) {
            Ordering::Equal => return Ok(true),
            Ordering::Less => from = line.next,
            // It was the first line of the rest. Otherwise a line that begins at the middle or before is left.
            Ordering::Greater if start == from => return Ok(false),
            Ordering::Greater => to = middle + 1,
        }
    }
    Ok(false)
}

/// Where the first line begins that begins after this position.
fn next_line(file: &File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; LINE];
    let read = file.read_at(&mut bytes, at)?;
    let end = bytes[..read].iter().position(|byte| *byte == b'\n');
    Ok(at + end.map_or(read, |end| end + 1) as u64)
}

/// The line that begins at this position; `None` at the end, or if it is none of a list.
fn line_at(file: &File, at: u64) -> io::Result<Option<Line>> {
    let mut bytes = [0; LINE];
    let read = file.read_at(&mut bytes, at)?;
    let end = bytes[..read].iter().position(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(read)]).into_owned();
    let digest = digest_of(&text).to_owned();
    let is_digest = digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(is_digest.then(|| Line {
        digest,
        next: at + end.map_or(read, |end| end + 1) as u64,
    }))
}

fn digest_of(line: &str) -> &str {
    line.split(':').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1(password: &str) -> String {
        HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref())
    }

    #[test]
    fn every_password_of_a_sorted_file_is_found_and_no_other() {
        for (count, line_break) in [(1, "\n"), (2, "\r\n"), (3, "\n"), (1000, "\r\n")] {
            let mut lines = (0..count)
                .map(|n| format!("{}:{}", sha1(&format!("password {n}")), n * n * n))
                .collect::<Vec<_>>();
            lines.sort();
            let file = tempfile::NamedTempFile::new().unwrap();
            for end in [line_break, ""] {
                std::fs::write(file.path(), lines.join(line_break) + end).unwrap();
                let list = Breached::open(file.path()).unwrap();
                for n in 0..count {
                    assert!(list.contains(&format!("password {n}")).unwrap(), "{n} of {count}");
                    assert!(!list.contains(&format!("Password {n}")).unwrap(), "{n} of {count}");
                }
            }
        }
    }

    #[test]
    fn a_password_is_found_in_the_file_of_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let write = |password: &str, extension: &str| {
            let sha1 = sha1(password);
            let (prefix, suffix) = sha1.split_at(PREFIX);
            let other = "0".repeat(DIGITS - PREFIX);
            let text = format!("{other}:1\r\n{suffix}:3861493\r\n");
            std::fs::write(folder.path().join(format!("{prefix}{extension}")), text).unwrap();
        };
        assert!(Breached::open(folder.path()).is_err(), "it is empty");
        // The example of the API's documentation: 5BAA6 and 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
        assert_eq!(sha1("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        write("password", ".txt");
        write("hunter2", "");
        let list = Breached::open(folder.path()).unwrap();
        assert!(list.contains("password").unwrap() && list.contains("hunter2").unwrap());
        assert!(list.contains("not there").is_err(), "its range is missing");
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_format() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for wrong in ["", "password\n", "5BAA6\n", "1E4C9B93F3F0682250B6CF8331B7EE68FD8:52\n"] {
            std::fs::write(file.path(), wrong).unwrap();
            let refused = Breached::open(file.path());
            assert!(
                refused.is_err_and(|expected| expected.contains("sorted by hash")),
                "{wrong:?}"
            );
        }
        assert!(Breached::open(Path::new("/nowhere/at/all")).is_err());
    }
}
