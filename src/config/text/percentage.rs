//! `5%`.

use std::fmt;
use std::str::FromStr;

use super::{unexpected, written_as_text};

/// A percentage, a whole number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage(pub u8);

const EXPECTED: &str = "a percentage from 0% to 100%";

impl FromStr for Percentage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_suffix('%')
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|number| number.parse().ok())
            .filter(|number| *number <= 100)
            .map(Self)
            .ok_or_else(|| unexpected(EXPECTED, text))
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

written_as_text!(Percentage, "Percentage", EXPECTED, "[0-9]{1,3}%");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_and_written() {
        assert_eq!("5%".parse::<Percentage>().unwrap().to_string(), "5%");
        for text in ["5", "101%", "%", "+5%", "5.5%", "-1%"] {
            assert_eq!(
                text.parse::<Percentage>().unwrap_err(),
                format!("expected a percentage from 0% to 100%, got {text:?}")
            );
        }
    }
}
