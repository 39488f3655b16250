//! Parses the response of a JWKS URL.

use std::sync::Arc;

use serde_json::Value;

use crate::keys::{Algorithm, JwkError, VerifyingKey};

/// The most keys in a set: more than anybody needs for a rotation; each is stored, and compared at every fetch.
const MOST_KEYS: usize = 100;

/// Why a document is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The response is not JSON.
    #[error("the response is not JSON")]
    NotJson,
    /// The response is JSON, but not a JWK set.
    #[error("the response is not a JWK set: expected a list `keys`")]
    NoKeys,
    /// The list is too long.
    #[error("the response has more than {MOST_KEYS} keys")]
    TooMany,
    /// It contains a private or secret key, so that anybody can forge the issuer's tokens.
    #[error("the response contains a private or secret key (member `{0}`): anybody who reads it can forge tokens")]
    Private(&'static str),
    /// It contains no usable key.
    #[error("the response has no key that can verify a token ({0} were ignored)")]
    NoneUsable(usize),
}

/// The keys of a JWK set (RFC 7517 section 5) for one of `algorithms`.
///
/// Other keys are ignored, as section 5 requires: many issuers publish encryption keys too.
///
/// # Errors
/// When the document is not a set of public keys, or none of them is usable.
pub(super) fn read(body: &[u8], algorithms: &[Algorithm]) -> Result<Vec<Arc<VerifyingKey>>, DocumentError> {
    let document: Value = serde_json::from_slice(body).map_err(|_| DocumentError::NotJson)?;
    let listed = document["keys"].as_array().ok_or(DocumentError::NoKeys)?;
    if listed.len() > MOST_KEYS {
        return Err(DocumentError::TooMany);
    }
    let mut keys = Vec::with_capacity(listed.len());
    for (index, jwk) in listed.iter().enumerate() {
        // The log gets the place of a key and nothing of it: the document is what another server sent.
        match VerifyingKey::from_jwk(jwk) {
            Ok(key) if algorithms.contains(&key.algorithm()) => add(&mut keys, index, key),
            Ok(_) => tracing::debug!(index, "a key of an algorithm that is not accepted is ignored"),
            Err(JwkError::Private(member)) => return Err(DocumentError::Private(member)),
            Err(error @ JwkError::Weak(_)) => {
                tracing::warn!(
                    index,
                    cause = error.kind(),
                    "a key of the issuer is ignored: anybody can sign for it"
                );
            }
            Err(error) => tracing::debug!(index, cause = error.kind(), "a key is ignored"),
        }
    }
    if keys.is_empty() {
        return Err(DocumentError::NoneUsable(listed.len()));
    }
    Ok(keys)
}

/// Adds a key, unless there is one with its id: a token would be verified with one of them by accident. The same key
/// can be listed twice, for two algorithms of which one is accepted.
fn add(keys: &mut Vec<Arc<VerifyingKey>>, index: usize, key: VerifyingKey) {
    match keys.iter().find(|known| known.kid() == key.kid()) {
        None => keys.push(Arc::new(key)),
        Some(known) if known.is_same(&key) => {}
        Some(_) => tracing::warn!(
            index,
            "a key of the issuer is ignored: an earlier one has the same `kid`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::{SigningKey, provider};

    fn jwk(algorithm: Algorithm) -> Value {
        provider::install();
        SigningKey::generate(algorithm).unwrap().verifying_key().to_jwk()
    }

    fn refused(document: &Value) -> DocumentError {
        read(document.to_string().as_bytes(), &Algorithm::ALL).unwrap_err()
    }

    #[test]
    fn keys_that_do_not_verify_tokens_are_passed_over() {
        let mut encrypts = jwk(Algorithm::Es256);
        encrypts["use"] = "enc".into();
        let other_curve = json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "p384" });
        let (good, other) = (jwk(Algorithm::Es256), jwk(Algorithm::EdDsa));
        let document = json!({ "keys": [encrypts, good, other_curve, other], "more": 1 }).to_string();
        let keys = read(document.as_bytes(), &[Algorithm::Es256]).unwrap();
        let kids: Vec<_> = keys.iter().map(|key| key.kid()).collect();
        assert_eq!(kids, [good["kid"].as_str().unwrap()]);
    }

    #[test]
    fn a_key_that_anybody_can_sign_for_is_passed_over() {
        let zero = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "zero", "x": "A".repeat(43) });
        let good = jwk(Algorithm::EdDsa);
        let keys = read(json!({ "keys": [zero, good] }).to_string().as_bytes(), &Algorithm::ALL).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].kid(), good["kid"]);
        assert_eq!(refused(&json!({ "keys": [zero] })), DocumentError::NoneUsable(1));
    }

    #[test]
    fn of_two_keys_with_one_id_the_first_is_used() {
        let (first, mut second) = (jwk(Algorithm::Es256), jwk(Algorithm::Es256));
        second["kid"] = first["kid"].clone();
        let document = json!({ "keys": [first, second, first] }).to_string();
        let keys = read(document.as_bytes(), &Algorithm::ALL).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].to_jwk()["x"], first["x"]);
    }

    #[test]
    fn a_published_private_or_secret_key_spoils_the_document() {
        let mut private = jwk(Algorithm::EdDsa);
        private["d"] = "AAAA".into();
        assert_eq!(
            refused(&json!({ "keys": [jwk(Algorithm::Es256), private] })),
            DocumentError::Private("d")
        );
        let secret = json!({ "kty": "oct", "alg": "HS256", "k": "c2VjcmV0" });
        assert_eq!(
            refused(&json!({ "keys": [jwk(Algorithm::Es256), secret] })),
            DocumentError::Private("k")
        );
    }

    #[test]
    fn what_is_no_set_of_usable_keys_is_refused_by_name() {
        assert_eq!(read(b"<html>", &Algorithm::ALL).unwrap_err(), DocumentError::NotJson);
        assert_eq!(refused(&json!([])), DocumentError::NoKeys);
        assert_eq!(refused(&json!({ "keys": {} })), DocumentError::NoKeys);
        assert_eq!(refused(&json!({ "keys": [] })), DocumentError::NoneUsable(0));
        assert_eq!(refused(&json!({ "keys": [1, {}] })), DocumentError::NoneUsable(2));
        assert_eq!(refused(&json!({ "keys": vec![1; 101] })), DocumentError::TooMany);
    }
}
