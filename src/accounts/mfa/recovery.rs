//! Recovery codes: ten, for the day on which the authenticator is lost. Each works once.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use ring::hmac;
use uuid::Uuid;

use crate::keys::{random, seal};
use crate::secret::{Key32, Secret};

/// How many a person gets.
pub(crate) const COUNT: usize = 10;
/// Characters between two hyphens.
const GROUP: usize = 4;
/// Crockford's alphabet has none that look alike on paper.
const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";

static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    specification.encoding().expect("32 symbols, each once")
});

/// Fresh codes of 80 random bits.
pub(crate) fn generate() -> Vec<Secret> {
    (0..COUNT)
        .map(|_| Secret::new(grouped(&CROCKFORD.encode(&random::bytes::<10>()))))
        .collect()
}

/// What is kept of a code. An HMAC, because whoever reads a table of plain digests could try codes without asking us.
pub(crate) fn hash(secret: &Key32, user_id: Uuid, typed: &str) -> [u8; 32] {
    let key = seal::derive(secret.expose(), "recovery_codes");
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    context.update(user_id.as_bytes());
    context.update(canonical(typed).as_bytes());
    context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

fn grouped(code: &str) -> String {
    let groups: Vec<&str> = (0..code.len())
        .step_by(GROUP)
        .map(|at| &code[at..(at + GROUP).min(code.len())])
        .collect();
    groups.join("-")
}

/// The code in whatever way it was copied from paper: case, hyphens and spaces are nothing, and the letters that the
/// alphabet leaves out are the digits they look like.
fn canonical(typed: &str) -> String {
    typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Uuid = Uuid::from_u128(1);

    #[test]
    fn ten_codes_are_ten_and_readable() {
        let codes = generate();
        let mut texts: Vec<_> = codes.iter().map(Secret::expose).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), COUNT);
        for text in texts {
            assert_eq!(text.len(), 19, "{text}");
            assert!(
                text.split('-')
                    .all(|group| group.len() == 4 && group.chars().all(|c| ALPHABET.contains(c)))
            );
        }
    }

    #[test]
    fn a_code_is_the_same_however_it_was_copied_and_anothers_is_another() {
        let key = Key32::new([7; 32]);
        let kept = hash(&key, ALICE, "0k3m-1xqa-p2dw-00zz");
        for copied in [
            "0K3M-1XQA-P2DW-00ZZ",
            "0k3m1xqap2dw00zz",
            " ok3m Ixqa p2dw oOzz ",
            "0k3m-lxqa-p2dw-00zz",
        ] {
            assert_eq!(hash(&key, ALICE, copied), kept, "{copied}");
        }
        assert_ne!(hash(&key, ALICE, "0k3m-1xqa-p2dw-00zy"), kept);
        assert_ne!(hash(&key, ALICE, ""), kept);
        assert_ne!(hash(&key, Uuid::from_u128(2), "0k3m-1xqa-p2dw-00zz"), kept);
        assert_ne!(hash(&Key32::new([8; 32]), ALICE, "0k3m-1xqa-p2dw-00zz"), kept);
    }
}
