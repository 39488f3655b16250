//! The text of a configuration file: read up to a limit, UTF-8, and without characters that YAML does not allow.
//!
//! Here and not in the YAML parser, because its messages for these have no position, or a wrong one.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::errors::Errors;

/// The largest file, in bytes. It is read again by every reload, and to find the line of a mistake.
const MOST_BYTES: u64 = 8 << 20;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads the file at `path`, called `name` in messages.
///
/// # Errors
/// When it cannot be read, is too large, or is not UTF-8.
pub(super) fn read(path: &Path, name: &str) -> Result<String, Errors> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Errors::whole_file(name, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("is too large: expected at most {} MiB", MOST_BYTES >> 20);
        return Err(Errors::whole_file(name, message));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(name, error.as_bytes(), error.utf8_error().valid_up_to()))
}

fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Errors {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Errors::at(name, (1, 1), "is UTF-16 text: save it as UTF-8");
    }
    let before = std::str::from_utf8(&bytes[..valid]).expect("it is valid up to there");
    let message = format!(
        "is not UTF-8 text: the byte 0x{:02x} is not part of a character",
        bytes[valid]
    );
    Errors::at(name, position(before), message)
}

/// Removes a byte order mark, which YAML allows at the start (YAML 1.2.2 section 5.2) and some editors write.
///
/// # Errors
/// When the text is empty, or contains a character that YAML does not allow.
pub(super) fn text<'a>(name: &str, text: &'a str) -> Result<&'a str, Errors> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if let Some(at) = text.find(|c| !is_printable(c)) {
        let character = text[at..].chars().next().expect("it was found there");
        let message = format!("the character {} is not allowed in YAML", shown(character));
        return Err(Errors::at(name, position(&text[..at]), message));
    }
    if text.lines().all(is_blank) {
        let message = "is empty: expected at least `version`, `upstreams` and `routes`";
        return Err(Errors::at(name, (1, 1), message));
    }
    Ok(text)
}

/// The characters that a YAML stream can contain (YAML 1.2.2 section 5.1, `c-printable`).
const fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        && c != BYTE_ORDER_MARK
}

fn shown(character: char) -> String {
    let name = if character == '\0' { " (NUL)" } else { "" };
    format!("U+{:04X}{name}", u32::from(character))
}

/// Line and column after `before`, both from 1.
fn position(before: &str) -> (usize, usize) {
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_yaml_does_not_allow_has_its_place() {
        for (written, expected) in [
            (
                "a: 1\nbé: \0\n",
                "f:2:5: the character U+0000 (NUL) is not allowed in YAML",
            ),
            ("a: \u{1b}[0m", "f:1:4: the character U+001B is not allowed in YAML"),
            (
                "a: 1\n\u{feff}b: 1",
                "f:2:1: the character U+FEFF is not allowed in YAML",
            ),
            (
                "",
                "f:1:1: is empty: expected at least `version`, `upstreams` and `routes`",
            ),
            (
                "# only\n\n  # comments\n",
                "f:1:1: is empty: expected at least `version`, `upstreams` and `routes`",
            ),
        ] {
            assert_eq!(text("f", written).unwrap_err().to_string(), expected, "{written:?}");
        }
        assert_eq!(text("f", "\u{feff}a: é\t\r\n").unwrap(), "a: é\t\r\n");
    }

    #[test]
    fn bytes_that_are_not_utf8_have_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f.yaml");
        let fails = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            read(&file, "f").unwrap_err().to_string()
        };
        assert_eq!(
            fails(b"a: 1\nb: \xc3\xa9\xe9"),
            "f:2:5: is not UTF-8 text: the byte 0xe9 is not part of a character"
        );
        assert_eq!(fails(b"\xff\xfea\0"), "f:1:1: is UTF-16 text: save it as UTF-8");
        let large = vec![b' '; usize::try_from(MOST_BYTES).unwrap() + 1];
        assert_eq!(fails(&large), "f: is too large: expected at most 8 MiB");
    }
}
