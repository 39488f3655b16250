//! Characters that are not seen, or change how others are seen: control characters, and Unicode's default ignorable and
//! directional ones. With them one name looks like another (`admin` and `ad\u{200b}min`), a line in a terminal reads in
//! another order (Trojan Source, CVE-2021-42574), and an escape sequence rewrites the screen.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is not seen, or changes how others are seen.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character has no place in a text that people write: [`is_hidden`], but not the joiners and variation
/// selectors, which Persian, Indian languages and emoji need.
pub fn is_misleading(c: char) -> bool {
    is_hidden(c) && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// The text with every hidden character as a JSON escape such as `\u202e`, so that JSON stays the same JSON. Line breaks
/// and tabs stay.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let stays = |c: char| !is_hidden(c) || c == '\n' || c == '\t';
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if stays(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(escaped, "\\u{unit:04x}").expect("a String takes any text");
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_escaped_and_json_stays_the_same() {
        let hostile = "a\u{202e}b\u{200b}c\u{1b}[2Jd\u{e0001}e";
        assert_eq!(escaped(hostile), "a\\u202eb\\u200bc\\u001b[2Jd\\udb40\\udc01e");
        let json = serde_json::json!({ "role": hostile, "lines": "one\ntwo" });
        let printed = escaped(&format!("{json:#}")).into_owned();
        assert!(!printed.contains('\u{202e}'), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), json);
        for plain in ["naïve 田中 👋", "two\nlines\tand a tab"] {
            assert!(matches!(escaped(plain), Cow::Borrowed(_)), "{plain}");
        }
    }

    #[test]
    fn what_people_write_is_not_misleading() {
        for text in ["می\u{200c}خواهم", "👩\u{200d}💻", "☎\u{fe0f}", "Zoë’s Ⅳ phone"] {
            assert!(!text.chars().any(is_misleading), "{text}");
        }
        for c in [
            '\u{202e}',
            '\u{200b}',
            '\u{2066}',
            '\u{0}',
            '\u{85}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(is_misleading(c), "{c:?}");
        }
    }
}
