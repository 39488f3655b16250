//! Recovery codes, for when the authenticator app is lost. Each works once.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::keys::secrets::OpenError;
use crate::keys::{KeyUse, Secrets, random};
use crate::secret::Secret;
use crate::store::factors::RecoveryCode;

/// The number of codes.
pub(crate) const COUNT: usize = 10;
/// The number of characters between two hyphens.
const GROUP: usize = 4;
/// Crockford's base32, without characters that look alike.
const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";

static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    specification.encoding().expect("32 symbols, each once")
});

/// New codes of 80 random bits.
pub(crate) fn generate() -> Vec<Secret> {
    (0..COUNT)
        .map(|_| Secret::new(grouped(&CROCKFORD.encode(&random::bytes::<10>()))))
        .collect()
}

/// The stored form of a code: its SHA-256, encrypted. Encrypted, because the codes of plain digests in a leaked table
/// could be found by trying all of them; and not an HMAC, which could not be moved to another `auth.secret` without the
/// code.
pub(crate) fn seal(secrets: &Secrets, user_id: Uuid, code: &Secret) -> Vec<u8> {
    secrets.seal(KeyUse::RecoveryCode, &user_id.to_string(), &digest_of(code))
}

/// The id of the stored code that was typed.
///
/// # Errors
/// When none of the stored codes matches, and one of them cannot be decrypted.
pub(crate) fn find(
    secrets: &Secrets,
    user_id: Uuid,
    stored: &[RecoveryCode],
    typed: &Secret,
) -> Result<Option<Uuid>, OpenError> {
    let typed = digest_of(typed);
    let context = user_id.to_string();
    let mut failure = None;
    for code in stored {
        match secrets.open(KeyUse::RecoveryCode, &context, &code.digest_sealed) {
            Ok(digest) if digest == typed => return Ok(Some(code.id)),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(None), Err)
}

fn digest_of(code: &Secret) -> Vec<u8> {
    digest(&SHA256, canonical(code.expose()).as_bytes()).as_ref().to_vec()
}

fn grouped(code: &str) -> String {
    let groups: Vec<&str> = (0..code.len())
        .step_by(GROUP)
        .map(|at| &code[at..(at + GROUP).min(code.len())])
        .collect();
    groups.join("-")
}

/// Normalizes a typed code: case, hyphens and spaces are ignored, and characters that are not in the alphabet become
/// the digits they look like.
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
    use crate::secret::Key32;

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
    fn spaces_in_a_code_are_ignored_and_the_codes_hmac_depends_on_its_account() {
        let [secrets, others] = [7, 8].map(|byte| Secrets::new(&Key32::new([byte; 32]), []).unwrap());
        let stored = [1, 2].map(|id| RecoveryCode {
            id: Uuid::from_u128(id),
            digest_sealed: seal(
                &secrets,
                ALICE,
                &Secret::new(["0k3m-1xqa-p2dw-00zz", "zzzz-zzzz-zzzz-zzzz"][id as usize - 1]),
            ),
        });
        let found = |secrets, user_id, typed: &str| find(secrets, user_id, &stored, &Secret::new(typed));
        for copied in [
            "0K3M-1XQA-P2DW-00ZZ",
            "0k3m1xqap2dw00zz",
            " ok3m Ixqa p2dw oOzz ",
            "0k3m-lxqa-p2dw-00zz",
        ] {
            assert_eq!(found(&secrets, ALICE, copied), Ok(Some(stored[0].id)), "{copied}");
        }
        for near_miss in ["0k3m-1xqa-p2dw-00zy", ""] {
            assert_eq!(found(&secrets, ALICE, near_miss), Ok(None), "{near_miss}");
        }
        let right = "0k3m-1xqa-p2dw-00zz";
        assert_eq!(found(&secrets, Uuid::from_u128(2), right), Err(OpenError::Damaged));
        assert_eq!(
            found(&others, ALICE, right),
            Err(OpenError::UnknownKey(secrets.current()))
        );
    }
}
