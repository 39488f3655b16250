//! Characters that imitate others (UTS #39).

use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _, skeleton};

/// Whether scripts are mixed in a way that no language does: `раypal` with two Cyrillic characters. Latin with Chinese,
/// Japanese or Korean is common. Characters that no name contains (invisible ones, symbols) count as mixed.
pub(crate) fn are_mixed(text: &str) -> bool {
    let characters = text
        .chars()
        .filter(|c| !c.is_ascii() || c.is_ascii_alphanumeric())
        .collect::<String>();
    !characters.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

/// Whether a text looks like ASCII and is not: `аррӏе` is all Cyrillic, and so does not mix scripts.
pub(crate) fn imitate_ascii(text: &str) -> bool {
    !text.is_ascii() && skeleton(text).all(|c| c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_no_language_mixes_are_mixed() {
        for mixed in ["p\u{430}ypal", "alice\u{3b1}", "a\u{200d}b", "a\u{ad}b", "\u{1f600}"] {
            assert!(are_mixed(mixed), "{mixed:?}");
        }
        for one in [
            "alice",
            "o'brien+tag",
            "müller",
            "алиса",
            "ビル",
            "bill田中",
            "김철수",
            "عمر",
        ] {
            assert!(!are_mixed(one), "{one:?}");
        }
    }

    #[test]
    fn a_text_of_look_alikes_imitates_ascii_and_an_ordinary_one_does_not() {
        assert!(imitate_ascii("\u{430}\u{440}\u{440}\u{4cf}\u{435}"));
        for word in ["apple", "яблоко", "müller"] {
            assert!(!imitate_ascii(word), "{word:?}");
        }
    }
}
