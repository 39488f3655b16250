//! `250ms 10s 5m 12h 30d`.

use std::fmt;
use std::str::FromStr;

use super::{unexpected, written_as_text};

/// A length of time, written as a number and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

const EXPECTED: &str = "a duration such as 250ms, 10s, 5m, 12h or 30d";

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Ten years: more is a typing mistake, and sums of times stay in range.
const LONGEST_MS: u64 = 3650 * 86_400_000;

impl Duration {
    /// `count` milliseconds.
    pub const fn ms(count: u64) -> Self {
        Self(std::time::Duration::from_millis(count))
    }

    /// `count` seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(std::time::Duration::from_secs(count))
    }

    /// `count` minutes.
    pub const fn minutes(count: u64) -> Self {
        Self::seconds(count * 60)
    }

    /// `count` days.
    pub const fn days(count: u64) -> Self {
        Self::seconds(count * 86_400)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let ms = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, scale)| number.parse::<u64>().ok()?.checked_mul(*scale))
            .ok_or_else(|| unexpected(EXPECTED, text))?;
        if ms > LONGEST_MS {
            return Err(unexpected("a duration of at most 3650d", text));
        }
        Ok(Self::ms(ms))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let (unit, scale) = UNITS
            .iter()
            .rev()
            .find(|(_, scale)| ms != 0 && ms.is_multiple_of(u128::from(*scale)))
            .unwrap_or(&UNITS[1]);
        write!(f, "{}{unit}", ms / u128::from(*scale))
    }
}

written_as_text!(Duration, "Duration", EXPECTED, "[0-9]+(?:ms|s|m|h|d)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_their_largest_whole_unit() {
        for (text, ms, shown) in [
            ("250ms", 250, "250ms"),
            ("10s", 10_000, "10s"),
            ("90s", 90_000, "90s"),
            ("60s", 60_000, "1m"),
            ("24h", 86_400_000, "1d"),
            ("0s", 0, "0s"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(
                (duration, duration.to_string().as_str()),
                (Duration::ms(ms), shown),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_unit_or_an_unknown_one_is_refused() {
        for text in [
            "10",
            "s",
            "",
            "10 s",
            "-1s",
            "1.5s",
            "10sec",
            "1w",
            "99999999999999999999s",
            "١s",
        ] {
            let error = text.parse::<Duration>().unwrap_err();
            assert_eq!(
                error,
                format!(
                    "{}, got {text:?}",
                    "expected a duration such as 250ms, 10s, 5m, 12h or 30d"
                )
            );
        }
        assert_eq!(
            "4000d".parse::<Duration>().unwrap_err(),
            r#"expected a duration of at most 3650d, got "4000d""#
        );
    }
}
