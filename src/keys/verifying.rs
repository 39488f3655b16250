//! A verification key, with its algorithm.

use jsonwebtoken::DecodingKey;

use super::algorithm::{Algorithm, SECRET_BYTES};
use super::error::KeyError;
use super::jwk::{self, JwkError, Public};
use crate::secret::Secret;

/// A key with its id and its algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Box<str>,
    algorithm: Algorithm,
    material: Material,
    decoding: DecodingKey,
}

/// What distinguishes keys.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Public(Public),
    /// The SHA-256 of a secret, so that the secret itself is in one place only.
    Secret([u8; 32]),
}

impl VerifyingKey {
    /// Parses a JWK (RFC 7517). Without a `kid`, its thumbprint (RFC 7638) is the key id.
    ///
    /// # Errors
    /// When the key is private, symmetric, for encryption, on another curve, of an unsafe size, or malformed.
    pub fn from_jwk(jwk: &serde_json::Value) -> Result<Self, JwkError> {
        let (public, kid) = jwk::read(jwk)?;
        Ok(Self::new(public, kid))
    }

    /// A secret shared with the issuer, for HS256. Its bytes are those of the text.
    ///
    /// # Errors
    /// When it is shorter than the hash: 32 bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, KeyError> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < SECRET_BYTES {
            return Err(KeyError::ShortSecret(bytes.len()));
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        Ok(Self {
            kid: Box::default(),
            algorithm: Algorithm::Hs256,
            material: Material::Secret(digest.as_ref().try_into().expect("SHA-256 has 32 bytes")),
            decoding: DecodingKey::from_secret(bytes),
        })
    }

    /// The public key as a JWK, for publication; null for a shared secret, which is never published.
    pub fn to_jwk(&self) -> serde_json::Value {
        match &self.material {
            Material::Public(public) => jwk::write(public, &self.kid),
            Material::Secret(_) => serde_json::Value::Null,
        }
    }

    /// The key id, which tokens refer to.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The only algorithm that is used with this key.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The size of an RSA key; `None` for others.
    pub fn rsa_bits(&self) -> Option<usize> {
        match &self.material {
            Material::Public(Public::Rsa { n, .. }) => Some(jwk::bits(n)),
            _ => None,
        }
    }

    /// Whether this is the same key with the same id.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.material == other.material
    }

    /// Whether `signature` (base64url, the third part of a token) is valid for `signing_input` (the first two parts
    /// with their dot).
    pub fn verify(&self, signing_input: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(
            signature,
            signing_input,
            &self.decoding,
            self.algorithm.of_jsonwebtoken(),
        )
        .unwrap_or(false)
    }

    /// The given `kid`, or the thumbprint.
    pub(super) fn new(public: Public, kid: Option<String>) -> Self {
        let kid = kid.unwrap_or_else(|| jwk::thumbprint(&public)).into_boxed_str();
        let (algorithm, decoding) = match &public {
            Public::Ec { point } => (Algorithm::Es256, DecodingKey::from_ec_der(point)),
            Public::Ed { x } => (Algorithm::EdDsa, DecodingKey::from_ed_der(x)),
            Public::Rsa { n, e } => (Algorithm::Rs256, DecodingKey::from_rsa_raw_components(n, e)),
        };
        Self {
            kid,
            algorithm,
            material: Material::Public(public),
            decoding,
        }
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.algorithm, self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::provider;

    #[test]
    fn a_secret_verifies_hmac_tags_and_is_never_published() {
        provider::install();
        let text = "0123456789abcdef0123456789abcdef";
        let key = VerifyingKey::from_secret(&Secret::new(text)).unwrap();
        let tag = tag_of(text.as_bytes(), b"a.b");
        assert!(key.verify(b"a.b", &tag));
        assert!(!key.verify(b"a.c", &tag));
        assert!(!key.verify(b"a.b", &tag[..20]), "a cut tag");
        assert!(!key.verify(b"a.b", ""));
        assert_eq!(key.to_jwk(), serde_json::Value::Null);
        assert_eq!(
            VerifyingKey::from_secret(&Secret::new(&text[1..])).unwrap_err(),
            KeyError::ShortSecret(31)
        );
    }

    fn tag_of(secret: &[u8], message: &[u8]) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message))
    }
}
