//! JWK set documents.

use serde_json::{Value, json};

use super::verifying::VerifyingKey;

/// A JWK set (RFC 7517 section 5) of `keys`, as text.
pub fn document<'a>(keys: impl Iterator<Item = &'a VerifyingKey>) -> String {
    json!({ "keys": keys.map(VerifyingKey::to_jwk).filter(Value::is_object).collect::<Vec<_>>() }).to_string()
}
