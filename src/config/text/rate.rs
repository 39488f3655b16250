//! `10/1m`: a count per window.

use std::fmt;
use std::str::FromStr;

use super::duration::Duration;
use super::{unexpected, written_as_text};

/// A count per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The count; at least 1.
    pub limit: u32,
    /// The window; at least one second.
    pub window: Duration,
}

const EXPECTED: &str = "a rate such as 10/1m";

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || unexpected(EXPECTED, text);
        let (limit, window) = text.split_once('/').ok_or_else(wrong)?;
        let limit = limit
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| limit.parse().ok())
            .flatten();
        let limit = limit.filter(|limit| *limit > 0).ok_or_else(wrong)?;
        let window: Duration = window.parse().map_err(|_| wrong())?;
        if !(Duration::seconds(1)..=Duration::days(1)).contains(&window) {
            return Err(unexpected("a rate with a window of 1s to 1d", text));
        }
        Ok(Self { limit, window })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.window)
    }
}

written_as_text!(Rate, "Rate", EXPECTED, "[0-9]+/[0-9]+(?:ms|s|m|h|d)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        assert_eq!(
            "10/1m".parse::<Rate>().unwrap(),
            Rate {
                limit: 10,
                window: Duration::minutes(1)
            }
        );
        assert_eq!("600/60s".parse::<Rate>().unwrap().to_string(), "600/1m");
        for text in [
            "10",
            "0/1m",
            "/1m",
            "10/",
            "10/m",
            "+1/1m",
            "-1/1m",
            "10 / 1m",
            "10/1m/1m",
            "9999999999/1m",
        ] {
            assert_eq!(
                text.parse::<Rate>().unwrap_err(),
                format!("expected a rate such as 10/1m, got {text:?}")
            );
        }
        assert!(
            "10/10ms"
                .parse::<Rate>()
                .unwrap_err()
                .starts_with("expected a rate with a window")
        );
    }
}
