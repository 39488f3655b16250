//! A private key that signs tokens.

use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde::Serialize;

use super::jwk::Public;
use super::{Algorithm, KeyError, VerifyingKey, provider};

/// A private key, its algorithm, and its public key. Its id is its RFC 7638 thumbprint, so that the same key has the
/// same id on every instance and in every database.
pub struct SigningKey {
    algorithm: Algorithm,
    encoding: EncodingKey,
    verifying: Arc<VerifyingKey>,
}

impl SigningKey {
    /// Generates a key.
    ///
    /// # Errors
    /// For RS256, which has to be imported.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
            Algorithm::Rs256 => return Err(KeyError::RsaCannotBeGenerated),
            Algorithm::Hs256 => return Err(KeyError::VerifiesOnly),
        };
        let pkcs8 = pkcs8.map_err(|_| KeyError::Unusable(algorithm))?;
        Self::from_der(algorithm, pkcs8.as_ref())
    }

    /// Reads an unencrypted PEM file.
    ///
    /// # Errors
    /// When the text is not a private key for `algorithm` in PEM.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let read = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::Hs256 => return Err(KeyError::VerifiesOnly),
        };
        let encoding = read.map_err(|_| KeyError::NotAPem(algorithm))?;
        Self::new(algorithm, encoding)
    }

    /// Reads a key that [`Self::to_der`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a usable key for `algorithm`.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let encoding = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(der),
            Algorithm::EdDsa => EncodingKey::from_ed_der(der),
            Algorithm::Rs256 => EncodingKey::from_rsa_der(der),
            Algorithm::Hs256 => return Err(KeyError::VerifiesOnly),
        };
        Self::new(algorithm, encoding)
    }

    fn new(algorithm: Algorithm, encoding: EncodingKey) -> Result<Self, KeyError> {
        let public = public_half(algorithm, encoding.as_bytes()).map_err(|_| KeyError::Unusable(algorithm))?;
        Ok(Self {
            algorithm,
            encoding,
            verifying: Arc::new(VerifyingKey::new(public, None)),
        })
    }

    /// The private key (PKCS#8; PKCS#1 for RSA). It leaves the process only encrypted.
    pub fn to_der(&self) -> &[u8] {
        self.encoding.as_bytes()
    }

    /// The key id, for the header of each token.
    pub fn kid(&self) -> &str {
        self.verifying.kid()
    }

    /// The algorithm of the key.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub const fn verifying_key(&self) -> &Arc<VerifyingKey> {
        &self.verifying
    }

    /// Signs `claims` as a JWT with this `typ`, for example `at+jwt` (RFC 9068 section 2.1).
    ///
    /// # Errors
    /// When the claims cannot be serialized, or the system has no randomness for the signature.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm.of_jsonwebtoken());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid().to_owned());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|e| KeyError::Signing(e.to_string()))
    }

    /// A token with any header and payload, for tests of attacks with a valid signature.
    #[cfg(test)]
    pub(crate) fn sign_raw(&self, header: &str, payload: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature =
            jsonwebtoken::crypto::sign(input.as_bytes(), &self.encoding, self.algorithm.of_jsonwebtoken()).unwrap();
        format!("{input}.{signature}")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} [private]", self.algorithm, self.kid())
    }
}

fn public_half(algorithm: Algorithm, der: &[u8]) -> jsonwebtoken::errors::Result<Public> {
    Ok(match algorithm {
        Algorithm::Es256 => Public::Ec {
            point: provider::ec_pair(der)?.public_key().as_ref().to_vec(),
        },
        Algorithm::EdDsa => Public::Ed {
            x: provider::ed_pair(der)?.public_key().as_ref().to_vec(),
        },
        Algorithm::Rs256 => {
            let PublicKeyComponents { n, e } = PublicKeyComponents::from(provider::rsa_pair(der)?.public());
            Public::Rsa { n, e }
        }
        Algorithm::Hs256 => return Err(jsonwebtoken::errors::ErrorKind::UnsupportedAlgorithm.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(token: &str) -> (&str, &str) {
        token.rsplit_once('.').unwrap()
    }

    #[test]
    fn what_a_key_signs_its_public_half_verifies_and_no_other_does() {
        provider::install();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let [key, other] = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
            let token = key.sign("at+jwt", &serde_json::json!({"sub": "alice"})).unwrap();
            let (input, signature) = parts(&token);
            assert!(key.verifying_key().verify(input.as_bytes(), signature));
            assert!(!other.verifying_key().verify(input.as_bytes(), signature));
            assert!(
                !key.verifying_key()
                    .verify(input.replace('.', "..").as_bytes(), signature)
            );
            assert!(!key.verifying_key().verify(input.as_bytes(), &signature[1..]));
            assert!(!key.verifying_key().verify(input.as_bytes(), ""));
            assert!(!key.verifying_key().verify(input.as_bytes(), "not base64!"));
        }
    }

    #[test]
    fn the_header_names_the_key_the_algorithm_and_the_kind_of_token() {
        provider::install();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let header = jsonwebtoken::decode_header(key.sign("at+jwt", &serde_json::json!({})).unwrap()).unwrap();
        assert_eq!(header.kid.as_deref(), Some(key.kid()));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
    }

    #[test]
    fn a_key_keeps_its_name_when_it_is_written_and_read_again() {
        provider::install();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_der(algorithm, key.to_der()).unwrap();
            assert_eq!(again.kid(), key.kid());
            let wrong = if algorithm == Algorithm::Es256 {
                Algorithm::EdDsa
            } else {
                Algorithm::Es256
            };
            assert!(SigningKey::from_der(wrong, key.to_der()).is_err());
        }
    }

    #[test]
    fn an_rsa_key_is_imported_and_signs_but_is_not_generated() {
        provider::install();
        let error = SigningKey::generate(Algorithm::Rs256).unwrap_err();
        assert!(error.to_string().contains("keys import"), "{error}");

        let key = SigningKey::from_pem(Algorithm::Rs256, RSA_PEM).unwrap();
        let token = key.sign("at+jwt", &serde_json::json!({"sub": "alice"})).unwrap();
        let (input, signature) = parts(&token);
        let published = VerifyingKey::from_jwk(&key.verifying_key().to_jwk()).unwrap();
        assert!(published.verify(input.as_bytes(), signature));
        assert_eq!(published.kid(), key.kid());

        assert_eq!(
            SigningKey::from_pem(Algorithm::Es256, RSA_PEM).unwrap_err(),
            KeyError::NotAPem(Algorithm::Es256)
        );
    }

    #[test]
    fn the_debug_output_of_a_key_shows_nothing_private() {
        provider::install();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(format!("{key:?}"), format!("EdDSA {} [private]", key.kid()));
    }

    const RSA_PEM: &str = include_str!("testdata/rsa_2048.pem");
}
