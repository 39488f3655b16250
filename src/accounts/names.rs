//! Addresses and usernames, in the one form in which they are stored, compared and looked up.
//!
//! Two spellings that a person takes for one must be one: otherwise `Alice@example.com` registers beside
//! `alice@example.com`, and a limit per account is as wide as there are spellings.

use unicode_normalization::UnicodeNormalization;

/// Why a name is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `local@domain`.
    #[error("this is not an email address")]
    NotAnAddress,
    /// Not a username.
    #[error("a username has 1 to 64 letters, digits, dots, dashes, underscores or plus signs, and no @")]
    NotAUsername,
}

/// An address in its canonical form: trimmed, NFKC, lower case.
///
/// # Errors
/// When it has no local part, no domain, white space, control characters, or is longer than RFC 5321 allows.
pub fn email(written: &str) -> Result<String, NameError> {
    let address = fold(written);
    // After folding, since NFKC turns a full-width ＠ into @.
    let (local, domain) = address.split_once('@').ok_or(NameError::NotAnAddress)?;
    let plausible = (1..=64).contains(&local.len())
        && (1..=253).contains(&domain.len())
        && address.len() <= 254
        && !domain.contains('@')
        && !address
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "\"<>(),:;\\[]".contains(c))
        && domain
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if plausible {
        Ok(address)
    } else {
        Err(NameError::NotAnAddress)
    }
}

/// A username in its canonical form.
///
/// # Errors
/// When it holds anything that could be mistaken in a header, a URL or a log, above all an `@`: a username that is
/// another's address would be found in the other's place at login.
pub fn username(written: &str) -> Result<String, NameError> {
    let name = fold(written);
    let plausible =
        (1..=64).contains(&name.chars().count()) && name.chars().all(|c| c.is_alphanumeric() || "._-+".contains(c));
    if plausible {
        Ok(name)
    } else {
        Err(NameError::NotAUsername)
    }
}

/// Whatever a person typed as their name at login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// It has an `@`.
    Email(String),
    /// It has none.
    Username(String),
}

impl Identifier {
    /// Reads what was typed. Something that can be no name at all stays as it is folded: it will not be found, and the
    /// answer must not differ from that for a name which could exist.
    pub fn read(written: &str) -> Self {
        let folded = fold(written);
        if folded.contains('@') {
            Self::Email(folded)
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

/// NFKC and lower case can undo each other once; the second NFKC makes folding a folded name change nothing.
fn fold(written: &str) -> String {
    let lower = written.trim().nfkc().collect::<String>().to_lowercase();
    lower.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_address() {
        for spelling in [
            "alice@example.com",
            " Alice@Example.COM\n",
            "ＡＬＩＣＥ＠example.com",
            "alice@exa\u{337}mple.com",
        ] {
            let read = email(spelling);
            if spelling.contains('\u{337}') {
                assert_ne!(
                    read.as_deref(),
                    Ok("alice@example.com"),
                    "a combining mark is another letter"
                );
            } else {
                assert_eq!(read.as_deref(), Ok("alice@example.com"), "{spelling:?}");
            }
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for name in ["İstanbul@x.test", "ſ@x.test", "ẞ@x.test", "ﬁ@x.test", "Å@x.test"] {
            assert_eq!(fold(&fold(name)), fold(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for wrong in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "a@b@c",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a\r\n@b.c",
            "\"a\"@b.c",
            &long,
        ] {
            assert_eq!(email(wrong), Err(NameError::NotAnAddress), "{wrong:?}");
        }
        assert!(email("o'brien+tag@mail.example.co.uk").is_ok());
    }

    #[test]
    fn a_username_cannot_look_like_an_address_or_break_a_header() {
        assert_eq!(username(" Alice.B-1 "), Ok("alice.b-1".into()));
        for wrong in ["", "a@b", "a b", "a\nb", "a,b", "a/b", "a＠b", &"a".repeat(65)] {
            assert_eq!(username(wrong), Err(NameError::NotAUsername), "{wrong:?}");
        }
    }

    #[test]
    fn a_login_name_is_an_address_when_it_has_an_at_sign() {
        assert_eq!(
            Identifier::read("Alice@x.test"),
            Identifier::Email("alice@x.test".into())
        );
        assert_eq!(Identifier::read("ALICE"), Identifier::Username("alice".into()));
        assert_eq!(Identifier::read("a＠x"), Identifier::Email("a@x".into()));
    }
}
