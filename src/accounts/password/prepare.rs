//! The form in which passwords are hashed and compared: that of RFC 8265 section 4.2.2 (`OpaqueString`).
//!
//! The same password can reach Sidegate as different bytes: macOS and some keyboards send `é` as two characters, others
//! as one, and a no-break space looks like a space. What the RFC prohibits, such as control characters, is not refused:
//! it would lock out users whose password has some.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Other spaces become the ASCII space, and then everything NFC. Case and width are kept.
pub(crate) fn prepared(password: &str) -> Cow<'_, str> {
    if password.is_ascii() {
        return Cow::Borrowed(password);
    }
    let mapped = password.chars().map(|c| if is_space(c) { ' ' } else { c });
    Cow::Owned(mapped.nfc().collect())
}

/// The general category Zs.
const fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_password_is_one_however_it_is_encoded() {
        for (typed, form) in [
            ("correct horse", "correct horse"),
            ("cafe\u{301} au lait", "café au lait"),
            ("café au lait", "café au lait"),
            ("café\u{a0}au\u{3000}lait", "café au lait"),
            ("\u{1100}\u{1161}", "가"),
        ] {
            assert_eq!(prepared(typed), form, "{typed:?}");
        }
    }

    #[test]
    fn different_passwords_stay_different() {
        for (one, other) in [
            ("café", "cafe"),
            ("Café", "café"),
            ("ＡＢＣ", "ABC"),
            ("ﬁ", "fi"),
            ("ß", "ss"),
        ] {
            assert_ne!(prepared(one), prepared(other));
        }
    }
}
