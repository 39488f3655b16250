//! `512B 16KiB 10MiB 1GiB`.

use std::fmt;
use std::str::FromStr;

use super::{unexpected, written_as_text};

/// A number of bytes, written with a binary unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const EXPECTED: &str = "a size such as 512B, 16KiB, 10MiB or 1GiB";

const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

impl Size {
    /// `count` KiB.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// `count` MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, scale)| number.parse::<u64>().ok()?.checked_mul(*scale))
            .map(Self)
            .ok_or_else(|| unexpected(EXPECTED, text))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = UNITS
            .iter()
            .rev()
            .find(|(_, scale)| self.0 != 0 && self.0.is_multiple_of(*scale))
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / scale)
    }
}

written_as_text!(Size, "Size", EXPECTED, "[0-9]+(?:B|KiB|MiB|GiB)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("16KiB", 16_384, "16KiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("0B", 0, "0B"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (Size(bytes), shown));
        }
        for text in ["16", "16KB", "16kib", "KiB", "", "-1B", "99999999999GiB"] {
            assert_eq!(
                text.parse::<Size>().unwrap_err(),
                format!("expected a size such as 512B, 16KiB, 10MiB or 1GiB, got {text:?}")
            );
        }
    }
}
