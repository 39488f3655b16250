//! The response of a sign-in and of a refresh: access token and refresh token.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::keys::seal;
use crate::secret::Secret;

/// The token response (RFC 6749 section 5.1, with the session's id).
// The order of the fields matters, because equal refreshes get equal bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600,
    "refresh_token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s", "refresh_expires_in": 2_592_000,
    "session_id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11"
}))]
pub struct Pair {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// The lifetime of the access token in seconds, from its issue.
    pub expires_in: u64,
    /// The refresh token.
    pub refresh_token: String,
    /// The lifetime of the refresh token in seconds.
    pub refresh_expires_in: u64,
    /// The session's id, which is also the claim `sid`.
    pub session_id: Uuid,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// Encrypts a response, which is stored with the refresh token in it, so that only a client that presents `presented`
/// again can read it.
///
/// It is stored in PostgreSQL and not in Redis: the row that decides which of many concurrent refreshes rotates
/// contains the response of the first, and there is no second store that could be unreachable or outdated. The table
/// alone reveals nothing: the key is derived from the presented token, of which it has only the SHA-256.
pub fn seal(pair: &Pair, presented: &Secret) -> Vec<u8> {
    let plain = serde_json::to_vec(pair).expect("strings and numbers are always JSON");
    seal::seal(&seal::derive(presented.expose().as_bytes(), PURPOSE), PURPOSE, &plain)
}

/// The response that was encrypted for `presented`, if there is one.
pub fn open(sealed: Option<&[u8]>, presented: &Secret) -> Option<Pair> {
    let key = seal::derive(presented.expose().as_bytes(), PURPOSE);
    let plain = seal::open(&key, PURPOSE, sealed?).ok()?;
    serde_json::from_slice(&plain).ok()
}

const PURPOSE: &str = "refresh_response";

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        Pair {
            access_token: "a.b.c".into(),
            token_type: "Bearer".into(),
            expires_in: 600,
            refresh_token: "sgr_new".into(),
            refresh_expires_in: 2_592_000,
            session_id: Uuid::nil(),
        }
    }

    #[test]
    fn a_response_opens_with_the_token_it_was_sealed_for_and_with_no_other() {
        let sealed = seal(&pair(), &Secret::new("sgr_old"));
        assert_eq!(open(Some(&sealed), &Secret::new("sgr_old")), Some(pair()));
        assert_eq!(open(Some(&sealed), &Secret::new("sgr_other")), None);
        assert_eq!(open(None, &Secret::new("sgr_old")), None);
        assert!(!sealed.windows(7).any(|part| part == b"sgr_new"));
    }

    #[test]
    fn its_debug_output_shows_no_token() {
        assert!(!format!("{:?}", pair()).contains("sgr_new"));
    }
}
