//! The answer of a login and of a refresh: an access token and the refresh token that gets the next.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::keys::seal;

/// What a client gets (RFC 6749 section 5.1, with the session's id).
// The order of the fields is part of the promise that equal refreshes get equal bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600,
    "refresh_token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s", "refresh_expires_in": 2_592_000,
    "session_id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11"
}))]
pub struct Pair {
    /// The JWT.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// The access token's life in seconds, from the moment it was made.
    pub expires_in: u64,
    /// The refresh token.
    pub refresh_token: String,
    /// The refresh token's life in seconds.
    pub refresh_expires_in: u64,
    /// The session, also the claim `sid`.
    pub session_id: Uuid,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// The member of a refresh token's metadata that holds the sealed answer it was given out in.
const ANSWER: &str = "answer";

/// Seals an answer so that only whoever presents `presented` again can read it, and puts it into the metadata of the row
/// of its refresh token.
///
/// It lies in PostgreSQL and not in Redis: the row lock that decides which of many equal refreshes rotates also shows
/// the others what the first was given, with no second store that could be away, late, or of another opinion. The table
/// alone reveals nothing: the key is derived from the token presented, of which it has only the SHA-256.
pub(crate) fn keep(pair: &Pair, presented: &str, metadata: &mut Map<String, Value>) {
    let plain = serde_json::to_vec(pair).expect("strings and numbers are always JSON");
    let sealed = seal::seal(&seal::derive(presented.as_bytes(), PURPOSE), PURPOSE, &plain);
    metadata.insert(ANSWER.to_owned(), STANDARD_NO_PAD.encode(sealed).into());
}

/// The answer that was kept for whoever presents `presented`, if there is one.
pub(crate) fn kept(metadata: &Map<String, Value>, presented: &str) -> Option<Pair> {
    let sealed = STANDARD_NO_PAD.decode(metadata.get(ANSWER)?.as_str()?).ok()?;
    let plain = seal::open(&seal::derive(presented.as_bytes(), PURPOSE), PURPOSE, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

const PURPOSE: &str = "refresh_answer";

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
    fn an_answer_is_read_again_by_who_presents_the_same_token_and_by_nobody_else() {
        let mut metadata = Map::new();
        keep(&pair(), "sgr_old", &mut metadata);
        assert_eq!(kept(&metadata, "sgr_old"), Some(pair()));
        assert_eq!(kept(&metadata, "sgr_other"), None);
        assert_eq!(kept(&Map::new(), "sgr_old"), None);
        assert!(!Value::Object(metadata).to_string().contains("sgr_new"));
    }

    #[test]
    fn its_debug_output_shows_no_token() {
        assert!(!format!("{:?}", pair()).contains("sgr_new"));
    }
}
