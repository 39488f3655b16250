//! A public key that verifies tokens, with the one algorithm it is for.

use jsonwebtoken::DecodingKey;

use super::Algorithm;
use super::jwk::{self, JwkError, Public};

/// A public key with its id and its algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Box<str>,
    algorithm: Algorithm,
    public: Public,
    decoding: DecodingKey,
}

impl VerifyingKey {
    /// Reads a JWK (RFC 7517). Its `kid` is its name; without one, its thumbprint (RFC 7638) is.
    ///
    /// # Errors
    /// When the key is private, symmetric, for encryption, on another curve, of a size that is not safe, or malformed.
    pub fn from_jwk(jwk: &serde_json::Value) -> Result<Self, JwkError> {
        let (public, kid) = jwk::read(jwk)?;
        Ok(Self::new(public, kid))
    }

    /// The public half as a JWK, as our key set document publishes it.
    pub fn to_jwk(&self) -> serde_json::Value {
        jwk::write(&self.public, &self.kid)
    }

    /// The name by which tokens refer to this key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm this key verifies with; no other is ever tried.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is the same key under the same name.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.public == other.public
    }

    /// Whether `signature` (base64url, the third part of a token) signs `signing_input` (the first two with their dot).
    pub fn verify(&self, signing_input: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(
            signature,
            signing_input,
            &self.decoding,
            self.algorithm.of_jsonwebtoken(),
        )
        .unwrap_or(false)
    }

    /// `kid` as given, or the thumbprint.
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
            public,
            decoding,
        }
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.algorithm, self.kid)
    }
}
