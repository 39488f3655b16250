//! Sanitizes user-controlled values in messages: names, devices, email addresses.
//!
//! Otherwise somebody could register with another's email address and the name "You won, visit evil.example", and our
//! server would deliver that text. A line break could start a header or a paragraph of its own.

use crate::visible::is_hidden;

/// The longest value, in characters.
const MAX: usize = 100;

/// A printable line of bounded length.
pub(crate) fn line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let word: String = word.chars().filter(|c| !is_hidden(*c)).collect();
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if line.chars().count() > MAX {
        line = line.chars().take(MAX - 1).chain(['…']).collect();
    }
    line
}

/// A person's name; `None` if a mail program would turn it into a link.
pub(crate) fn name(text: &str) -> Option<String> {
    let name = line(text);
    (!name.is_empty() && !looks_like_a_link(&name)).then_some(name)
}

/// The name of a device. It can contain dots and slashes (`Firefox/126.0`), so only what makes a link is removed.
pub(crate) fn device(text: &str) -> String {
    let device = line(&text.replace("://", " ").replace("www.", "www "));
    if device.is_empty() {
        "an unknown device".to_owned()
    } else {
        device
    }
}

fn looks_like_a_link(text: &str) -> bool {
    let dot_between_messages = text
        .as_bytes()
        .windows(3)
        .any(|three| three[1] == b'.' && is_word(three[0]) && is_word(three[2]));
    dot_between_messages || text.contains(['/', '@', '\\', ':'])
}

/// Whether a byte can be part of a host name, in any script.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line_whatever_it_was() {
        assert_eq!(line("a\r\nBcc: eve@example.com"), "a Bcc: eve@example.com");
        assert_eq!(line("a\u{2028}b\u{0}c\u{85}d\u{1b}[31m"), "a b c d [31m");
        assert_eq!(line("\u{202e}ecila\u{200b}"), "ecila");
        assert_eq!(line(&"x".repeat(500)).chars().count(), MAX);
        assert_eq!(line(" \t\n "), "");
    }

    #[test]
    fn a_name_that_would_become_a_link_is_left_out() {
        for link in [
            "You won: evil.example",
            "http://evil",
            "evil.example/x",
            "a@b",
            "évil.рф",
            "x\\y",
        ] {
            assert_eq!(name(link), None, "{link}");
        }
        for fine in ["Alice", "J. R. Smith", "O'Brien", "Đặng Thị", "Smith, Jr."] {
            assert_eq!(name(fine).as_deref(), Some(fine));
        }
        assert_eq!(name("\r\n"), None);
    }

    #[test]
    fn a_device_keeps_its_version_and_loses_its_link() {
        assert_eq!(device("Firefox/126.0 (X11)"), "Firefox/126.0 (X11)");
        assert_eq!(device("see http://evil.example"), "see http evil.example");
        assert_eq!(device("\n"), "an unknown device");
    }
}
