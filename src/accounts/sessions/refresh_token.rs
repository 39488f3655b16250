//! The format of refresh tokens: session, generation and a tag that authenticates them.
//!
//! ```text
//! sgr_ + base64url( key id (4) | session id (16) | generation (4) | random (16) | tag (16) )
//! ```
//!
//! The tag is an HMAC-SHA-256 over what precedes it, so that a forged token is refused before PostgreSQL is queried: a
//! flood of them does not reach the database. The database stores the SHA-256 of the whole token, so that the key alone
//! is not enough to make a valid one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::keys::{KeyId, KeyUse, Secrets, random};
use crate::secret::Secret;

/// The prefix of refresh tokens, so that secret scanners recognize them.
const PREFIX: &str = "sgr_";
/// The number of bytes that the tag covers.
const CONTENT: usize = KeyId::LEN + 16 + 4 + 16;
/// The number of bytes of the tag: half an HMAC-SHA-256, which cannot be guessed (RFC 2104 section 5).
const TAG: usize = 16;
/// The length of a token, in characters.
const LENGTH: usize = PREFIX.len() + ((CONTENT + TAG) * 4).div_ceil(3);

/// A new token.
#[derive(Debug)]
pub struct NewRefreshToken {
    /// The token for the client.
    pub text: Secret,
    /// The SHA-256 of the token, for PostgreSQL.
    pub hash: [u8; 32],
}

/// A presented token whose tag is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genuine {
    /// The session's id.
    pub session_id: Uuid,
    /// The generation: 1 for that of the sign-in, one more with each refresh.
    pub generation: i32,
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
}

/// Creates the token of a generation.
pub fn make(secrets: &Secrets, session_id: Uuid, generation: i32) -> NewRefreshToken {
    let mut bytes = Vec::with_capacity(CONTENT + TAG);
    bytes.extend_from_slice(&secrets.current().to_bytes());
    bytes.extend_from_slice(session_id.as_bytes());
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes.extend_from_slice(&random::bytes::<16>());
    let (_, tag) = secrets.authenticate(KeyUse::RefreshToken, &bytes);
    bytes.extend_from_slice(&tag[..TAG]);
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    NewRefreshToken {
        hash: sha256(&text),
        text: Secret::new(text),
    }
}

/// Parses a token; `None` if it is malformed or its tag is wrong. Takes a microsecond and no query.
pub fn read(secrets: &Secrets, presented: &str) -> Option<Genuine> {
    if presented.len() != LENGTH {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(presented.strip_prefix(PREFIX)?).ok()?;
    let (content, tag) = bytes.split_at_checked(CONTENT)?;
    let (key_id, rest) = KeyId::split(content)?;
    if !secrets.verify(KeyUse::RefreshToken, key_id, content, tag) {
        return None;
    }
    let (session_id, rest) = rest.split_first_chunk::<16>()?;
    let (generation, _) = rest.split_first_chunk::<4>()?;
    Some(Genuine {
        session_id: Uuid::from_bytes(*session_id),
        generation: i32::from_be_bytes(*generation),
        hash: sha256(presented),
    })
}

/// Not salted: the token contains 128 random bits, which cannot be guessed from the hash.
fn sha256(text: &str) -> [u8; 32] {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key32;

    const SESSION: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef);

    fn secrets(current: u8, previous: &[u8]) -> Secrets {
        let previous = previous.iter().map(|byte| Key32::new([*byte; 32])).collect::<Vec<_>>();
        Secrets::new(&Key32::new([current; 32]), &previous).unwrap()
    }

    #[test]
    fn a_token_says_its_session_and_generation() {
        let secrets = secrets(7, &[]);
        let (one, two) = (make(&secrets, SESSION, 41), make(&secrets, SESSION, 41));
        let read = read(&secrets, one.text.expose()).unwrap();
        assert_eq!(read.session_id, SESSION);
        assert_eq!(read.generation, 41);
        assert_eq!(read.hash, one.hash);
        assert_ne!(one.hash, two.hash, "of one generation, too, no two are equal");
        assert_eq!(one.text.expose().len(), LENGTH);
    }

    #[test]
    fn one_changed_character_makes_it_no_token_of_ours() {
        let secrets = secrets(7, &[]);
        let token = make(&secrets, SESSION, 1);
        let text = token.text.expose();
        for index in 0..text.len() {
            for other in *b"AQgw_-9" {
                let mut changed = text.as_bytes().to_vec();
                if changed[index] == other {
                    continue;
                }
                changed[index] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(read(&secrets, &changed), None, "character {index}");
            }
            assert_eq!(read(&secrets, &text[..index]), None, "cut at {index}");
        }
        for near_miss in [format!("{text}A"), format!("{text}="), text.replace("sgr_", "sgx_")] {
            assert_eq!(read(&secrets, &near_miss), None, "{near_miss}");
        }
    }

    #[test]
    fn a_token_of_the_previous_secret_works_while_that_is_configured() {
        let token = make(&secrets(1, &[]), SESSION, 1);
        assert!(read(&secrets(2, &[1]), token.text.expose()).is_some());
        assert_eq!(read(&secrets(2, &[]), token.text.expose()), None);
    }

    #[test]
    fn of_a_million_invented_tokens_none_is_genuine() {
        let secrets = secrets(7, &[]);
        let mut bytes = [0_u8; CONTENT + TAG];
        bytes[..KeyId::LEN].copy_from_slice(&secrets.current().to_bytes());
        for _ in 0..1_000_000 {
            bytes[KeyId::LEN..].copy_from_slice(&random::bytes::<{ CONTENT + TAG - KeyId::LEN }>());
            let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
            assert_eq!(read(&secrets, &text), None);
        }
    }
}
