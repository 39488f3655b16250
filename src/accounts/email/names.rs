//! The canonical form of email addresses and usernames, in which they are stored, compared, counted and looked up.
//!
//! Spellings that people consider equal have to be equal: otherwise `Alice@example.com` could register beside
//! `alice@example.com`, and a limit per account could be avoided with another spelling. Applications, which compare
//! byte by byte, get the canonical form too; the typed one is not stored.

mod domain;
mod error;
mod scripts;

#[cfg(test)]
mod properties;

use unicode_normalization::UnicodeNormalization;

pub use self::error::NameError;
use crate::mail;

/// The longest text that is normalized; NFKC can turn one character into eighteen.
const LONGEST_WRITTEN: usize = 1024;
/// The longest local part (RFC 5321 section 4.5.3.1.1), in bytes.
const LOCAL_MAX: usize = 64;
/// The longest email address, in bytes: a path of RFC 5321 section 4.5.3.1.3 without its brackets.
const ADDRESS_MAX: usize = 254;

/// The canonical form of an email address: NFKC, lower case, without trailing dots, the domain in DNS form.
///
/// # Errors
/// When it is not an ordinary mailbox: for quoted local parts, IP addresses, control characters (also at its ends),
/// mixed scripts, addresses longer than RFC 5321 allows, and those that the mail library cannot send to.
pub fn email(written: &str) -> Result<String, NameError> {
    if written.len() > LONGEST_WRITTEN || holds_control(written) {
        return Err(NameError::NotAnAddress);
    }
    folded_email(&fold(written))
}

fn folded_email(folded: &str) -> Result<String, NameError> {
    // After normalization, because NFKC turns a full-width ＠ into @.
    let (local, domain) = folded.split_once('@').ok_or(NameError::NotAnAddress)?;
    if local.is_empty() || local.len() > LOCAL_MAX || !local.split('.').all(is_atom) || domain.len() > LONGEST_WRITTEN {
        return Err(NameError::NotAnAddress);
    }
    let domain = domain::canonical(domain)?;
    if local.len() + 1 + domain.len() > ADDRESS_MAX {
        return Err(NameError::NotAnAddress);
    }
    if scripts::are_mixed(local) || scripts::imitate_ascii(local) {
        return Err(NameError::Deceptive);
    }
    let address = format!("{local}@{domain}");
    // What the mail library cannot send would be an account whose owner never gets a code or a reset link.
    if !mail::can_be_sent_to(&address) {
        return Err(NameError::NotAnAddress);
    }
    Ok(address)
}

/// Checks the local part: `atext` of RFC 5322 section 3.2.3, and the characters of RFC 6531. An empty atom means a dot
/// at an end, or two together.
fn is_atom(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii() && !c.is_whitespace();
    !text.is_empty() && text.chars().all(allowed)
}

/// The canonical form of a username.
///
/// # Errors
/// When it contains characters that are ambiguous in a header, a URL or a log, above all `@`: a username that equals
/// another user's email address would be found at that user's sign-in.
pub fn username(written: &str) -> Result<String, NameError> {
    if written.len() > LONGEST_WRITTEN || holds_control(written) {
        return Err(NameError::NotAUsername);
    }
    let name = fold(written);
    let plausible = (1..=64).contains(&name.chars().count())
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "._-+".contains(c));
    if !plausible {
        return Err(NameError::NotAUsername);
    }
    if scripts::are_mixed(&name) || scripts::imitate_ascii(&name) {
        return Err(NameError::Deceptive);
    }
    Ok(name)
}

/// The name that a user typed at sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// An email address: it contains `@`.
    Email(String),
    /// A username: it does not.
    Username(String),
}

impl Identifier {
    /// Normalizes what was typed. An invalid name is kept as it is: it will not be found, and the response must not
    /// differ from that for a valid name.
    pub fn read(written: &str) -> Self {
        let folded = fold(written);
        if folded.contains('@') {
            Self::Email(folded_email(&folded).unwrap_or(folded))
        } else {
            Self::Username(folded)
        }
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        match self {
            Self::Email(text) | Self::Username(text) => text,
        }
    }
}

/// Whether the text has a control character. A line break at an end would be trimmed, but only attackers send one.
fn holds_control(written: &str) -> bool {
    written.chars().any(char::is_control)
}

/// NFKC, lower case, trimmed. Each step can undo another, so they are repeated until nothing changes, which for all of
/// Unicode is the second or third time.
fn fold(written: &str) -> String {
    let mut text = fold_once(written);
    for _ in 0..8 {
        let again = fold_once(&text);
        if again == text {
            break;
        }
        text = again;
    }
    text
}

fn fold_once(text: &str) -> String {
    // The two lower-case sigmas are the same character; which is used depends on what follows.
    let lower = text.nfkc().collect::<String>().to_lowercase().replace('ς', "σ");
    let folded: String = lower.nfkc().collect();
    let trailing = |c: char| c.is_whitespace() || c == '.';
    folded.trim_start().trim_end_matches(trailing).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_address() {
        for spelling in [
            "alice@example.com",
            " Alice@Example.COM ",
            "ＡＬＩＣＥ＠example.com",
            "alice@example.com.",
            "alice@example.com. ..",
            "ａlice@EXAMPLE。com",
            "\u{a0}alice@example.com\u{3000}",
        ] {
            assert_eq!(email(spelling).as_deref(), Ok("alice@example.com"), "{spelling:?}");
            assert_eq!(Identifier::read(spelling).text(), "alice@example.com", "{spelling:?}");
        }
        assert_ne!(
            email("alice@exa\u{337}mple.com").as_deref(),
            Ok("alice@example.com"),
            "a combining mark makes another character"
        );
        assert_ne!(
            email("alice+x@example.com"),
            email("alice@example.com"),
            "whose tags are is not ours to say"
        );
    }

    #[test]
    fn a_malformed_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let domain = format!("{}example.com", "a.".repeat(89));
        let (fits, longer) = (
            format!("{}@{domain}", "a".repeat(64)),
            format!("{}b@{domain}c", "a".repeat(64)),
        );
        assert_eq!(fits.len(), 254);
        assert!(email(&fits).is_ok(), "254 bytes");
        for wrong in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "@",
            "a@b@c",
            "a@b＠c",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a\r\n@b.c",
            "a@b.c\n",
            "\u{0}a@b.c",
            "\"a\"@b.c",
            "\"a b\"@b.c",
            "a(b)@b.c",
            "<a@b.c>",
            "a,b@c.d",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a@192.0.2.1",
            "a@b_c.d",
            &long_local,
            &longer,
            &"a".repeat(255),
            &format!("a@{}", "\u{fdfa}".repeat(300)),
        ] {
            assert_eq!(email(wrong), Err(NameError::NotAnAddress), "{wrong:?}");
        }
        assert!(email("o'brien+tag@mail.example.co.uk").is_ok());
    }

    #[test]
    fn an_address_that_no_message_can_be_sent_to_is_refused() {
        for wrong in ["\u{130}a@example.com", "q\u{307}@example.com", "ที่@example.com"] {
            assert_eq!(email(wrong), Err(NameError::NotAnAddress), "{wrong:?}");
            assert_eq!(
                Identifier::read(wrong),
                Identifier::Email(fold(wrong)),
                "at sign-in it is only not found"
            );
        }
        assert!(
            email("q\u{301}@example.com").is_err() && email("e\u{301}@example.com").is_ok(),
            "é is a character"
        );
    }

    #[test]
    fn a_name_that_imitates_another_is_refused() {
        for wrong in [
            "p\u{430}ypal@example.com",
            "support@p\u{430}ypal.com",
            "\u{430}\u{440}\u{440}\u{4cf}\u{435}@example.com",
            "ali\u{200b}ce@example.com",
        ] {
            assert_eq!(email(wrong), Err(NameError::Deceptive), "{wrong:?}");
        }
        for right in ["müller@example.com", "алиса@пример.example", "田中@例え.example"] {
            assert!(email(right).is_ok(), "{right:?}");
        }
        for wrong in ["p\u{430}ypal", "\u{430}\u{440}\u{440}\u{4cf}\u{435}"] {
            assert_eq!(username(wrong), Err(NameError::Deceptive), "{wrong:?}");
        }
        assert_eq!(username("Алиса").as_deref(), Ok("алиса"));
    }

    #[test]
    fn a_username_cannot_look_like_an_address_or_break_a_header() {
        for spelling in ["Alice.B-1", " alice.b-1 ", "alice.b-1.", "ALICE.b-1. .", "ａlice.b-1"] {
            assert_eq!(username(spelling).as_deref(), Ok("alice.b-1"), "{spelling:?}");
        }
        for wrong in [
            "",
            ".",
            ".alice",
            "a@b",
            "a b",
            "a\nb",
            "a\n",
            "a,b",
            "a/b",
            "a＠b",
            &"a".repeat(65),
            &"a".repeat(2000),
        ] {
            assert_eq!(username(wrong), Err(NameError::NotAUsername), "{wrong:?}");
        }
        assert_eq!(username("ΟΔΥΣΣΕΥΣ"), username("οδυσσευσ"));
    }

    #[test]
    fn a_login_name_is_an_address_when_it_has_an_at_sign() {
        assert_eq!(
            Identifier::read("Alice@x.test"),
            Identifier::Email("alice@x.test".into())
        );
        assert_eq!(Identifier::read("ALICE."), Identifier::Username("alice".into()));
        assert_eq!(Identifier::read("a＠x"), Identifier::Email("a@x".into()));
        assert_eq!(
            Identifier::read("alice@bücher.example"),
            Identifier::Email("alice@xn--bcher-kva.example".into())
        );
    }
}
