//! Names of routes, policies, upstreams and limits: they become metric labels and parts of Redis keys, so few
//! characters are allowed.

use std::fmt;
use std::str::FromStr;

use super::{unexpected, written_as_text};

/// The name of a route, policy, upstream or rate limit: 1 to 63 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

const EXPECTED: &str = "a name of 1 to 63 characters of a-z, 0-9 and -";

impl Name {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(unexpected(EXPECTED, text))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(Name, "Name", EXPECTED, "[a-z0-9-]{1,63}");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_small_alphabet() {
        assert!("per-user-2".parse::<Name>().is_ok() && "a".repeat(63).parse::<Name>().is_ok());
        for text in ["", "Wiki", "a_b", "a.b", "a b", "é", &"a".repeat(64)] {
            assert!(
                text.parse::<Name>()
                    .unwrap_err()
                    .starts_with("expected a name of 1 to 63"),
                "{text}"
            );
        }
    }
}
