//! Refuses secrets that can be guessed: samples from documentation, patterns, and typed text.
//!
//! The entropy of a value cannot be measured, so this cannot find every weak secret. It finds the values that were copied or
//! typed instead of generated, and practically never refuses a generated one: the tests state how rarely.

use super::findings::Findings;
use super::path::KeyPath;

/// The minimum number of different bytes, and of different distances between neighbours, of a random 256-bit key. Random
/// bytes have fewer once in 10^10 keys.
const KEY_VARIETY: usize = 16;

/// The minimum number of different characters of a random text of 32 characters: hexadecimal digits have fewer once in 10^7
/// texts.
const TEXT_VARIETY: usize = 8;

/// The minimum number of guesses, as a power of ten, that a text has to withstand by zxcvbn's estimate. Random hexadecimal
/// digits, 32 of them, are estimated at more than 10^25.
const GUESSES_LOG10: f64 = 18.0;

/// Words in sample secrets, in lower case. All have six characters or more: random base64 contains one of them less than once in a
/// million secrets.
const SAMPLE_WORDS: &[&str] = &[
    "changeit",
    "changeme",
    "changethis",
    "default",
    "example",
    "insecure",
    "keyboardcat",
    "passphrase",
    "password",
    "placeholder",
    "replaceme",
    "sample",
    "secret",
    "sidegate",
    "testing",
];

/// Why a secret can be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weakness {
    /// It contains a word of a sample.
    Sample,
    /// Few different bytes, a sequence, or a repetition.
    Pattern,
    /// The bytes of a key are printable text: somebody typed them.
    Text,
}

impl Weakness {
    const fn got(self) -> &'static str {
        match self {
            Self::Sample => "a sample value",
            Self::Pattern => "a pattern that can be guessed",
            Self::Text => "text in base64",
        }
    }
}

/// Reports a 256-bit key that can be guessed: `key` as bytes, and `text` as it was configured. `true` if it was reported.
pub(super) fn report_key(key: &[u8; 32], text: &str, at: &KeyPath, findings: &mut Findings) -> bool {
    report(of_key(key).or_else(|| of_text(text)), "32 random bytes", at, findings)
}

/// Reports a text that is used as a secret and can be guessed. `true` if it was reported.
pub(super) fn report_text(text: &str, at: &KeyPath, findings: &mut Findings) -> bool {
    report(of_text(text), "a random secret", at, findings)
}

/// The message says what kind of value it is and never the value.
fn report(weakness: Option<Weakness>, expected: &str, at: &KeyPath, findings: &mut Findings) -> bool {
    if let Some(weakness) = weakness {
        let got = format_args!("{}: make your own with `sidegate secrets new`", weakness.got());
        findings.expected(at, expected, got);
    }
    weakness.is_some()
}

fn of_key(key: &[u8; 32]) -> Option<Weakness> {
    // 32 random bytes are all printable once in 10^13 keys.
    if key.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Some(Weakness::Text);
    }
    let distances = key.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let few = different(key.iter().copied()) < KEY_VARIETY || different(distances) < KEY_VARIETY;
    few.then_some(Weakness::Pattern)
}

fn of_text(text: &str) -> Option<Weakness> {
    let folded: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if SAMPLE_WORDS.iter().any(|word| folded.contains(word)) {
        return Some(Weakness::Sample);
    }
    let few = different(text.chars()) < TEXT_VARIETY;
    (few || zxcvbn::zxcvbn(text, &[]).guesses_log10() < GUESSES_LOG10).then_some(Weakness::Pattern)
}

fn different<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<std::collections::BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use data_encoding::{BASE32, HEXLOWER};

    use super::*;
    use crate::keys::random;

    fn key(byte: impl Fn(u8) -> u8) -> [u8; 32] {
        std::array::from_fn(|index| byte(u8::try_from(index).unwrap()))
    }

    #[test]
    fn keys_that_were_not_drawn_at_random_are_found() {
        for (weak, name) in [
            (key(|_| 0), "all zero"),
            (key(|_| 255), "all one"),
            (key(|index| index), "a sequence"),
            (
                key(|index| 200_u8.wrapping_sub(index.wrapping_mul(7))),
                "a sequence down",
            ),
            (key(|index| [1, 77, 3, 250][usize::from(index % 4)]), "a repetition"),
        ] {
            assert_eq!(of_key(&weak), Some(Weakness::Pattern), "{name}");
        }
        assert_eq!(of_key(b"Quarrel-Lantern_71/osprey+Tepid!"), Some(Weakness::Text));
        let mut random = *b"Quarrel-Lantern_71/osprey+Tepid!";
        random[31] = 0x80;
        assert_eq!(
            of_key(&random),
            None,
            "one byte makes it no text, and nothing more is known"
        );
    }

    #[test]
    fn texts_that_were_copied_or_typed_are_found() {
        for sample in [
            "an example that is no secret at all",
            "super-secret-jwt-token-with-at-least-32-characters-long",
            "ChangeMe-ChangeMe-ChangeMe-ChangeMe",
            "change_this_change_this_change_this",
            "P-a-s-s-w-o-r-d 1234567890 qwertzuiop",
        ] {
            assert_eq!(of_text(sample), Some(Weakness::Sample), "{sample}");
        }
        for pattern in [
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabcabcabcabcabcabcabc",
            "0123456789abcdef0123456789abcdef",
            "qwertyuiopasdfghjklzxcvbnm1234567890",
            "12345678901234567890123456789012",
            "2026-11-272026-11-272026-11-272026-11-27",
        ] {
            assert_eq!(of_text(pattern), Some(Weakness::Pattern), "{pattern}");
        }
    }

    #[test]
    fn what_generators_make_is_accepted() {
        for _ in 0..200 {
            let bytes = random::bytes::<32>();
            let base64 = STANDARD.encode(bytes);
            assert_eq!(of_key(&bytes).or_else(|| of_text(&base64)), None, "{base64}");
            let short = HEXLOWER.encode(&bytes[..16]);
            assert_eq!(of_text(&short), None, "{short}");
            assert_eq!(of_text(&BASE32.encode(&bytes[..20])), None);
        }
    }
}
