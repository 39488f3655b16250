//! A crypto provider for jsonwebtoken that uses ring; it has none of its own.
//!
//! So there is one crypto library for TLS and tokens. Only the algorithms of [`super::Algorithm`] exist here: a token
//! or a key with another one is refused at the lowest level.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::digest;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: rsa_components,
        // RSA public keys are stored as modulus and exponent; jsonwebtoken never gets one in DER.
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: ec_components,
        ed_pub_components_from_private_key: ed_component,
        compute_digest,
    },
};

/// Installs the provider. Can be called several times, and has to be called before the first token, because
/// jsonwebtoken panics without a provider.
pub fn install() {
    // An error only says that it was installed before.
    let _ = PROVIDER.install_default();
}

enum RingSigner {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => {
                let signature = key.sign(&random, message).map_err(unspecified)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut out)
                    .map_err(unspecified)?;
                Ok(out)
            }
        }
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::ES256,
            Self::EdDsa(_) => Algorithm::EdDSA,
            Self::Rs256(_) => Algorithm::RS256,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is jsonwebtoken's")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let signer = match algorithm {
        Algorithm::ES256 => RingSigner::Es256(ec_pair(key.as_bytes())?),
        Algorithm::EdDSA => RingSigner::EdDsa(ed_pair(key.as_bytes())?),
        Algorithm::RS256 => RingSigner::Rs256(rsa_pair(key.as_bytes())?),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(signer))
}

enum RingVerifier {
    Es256(DecodingKey),
    EdDsa(DecodingKey),
    Rs256(DecodingKey),
    Hs256(hmac::Key),
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let checked = match self {
            // In constant time: a comparison that stops early would reveal the tag byte by byte.
            Self::Hs256(key) => hmac::verify(key, message, signature),
            Self::Es256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, raw(key)?).verify(message, signature),
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, raw(key)?).verify(message, signature),
            Self::Rs256(key) => match key.kind() {
                DecodingKeyKind::RsaModulusExponent { n, e } => {
                    PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                }
                DecodingKeyKind::SecretOrDer(der) => {
                    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(message, signature)
                }
            },
        };
        checked.map_err(unspecified)
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::ES256,
            Self::EdDsa(_) => Algorithm::EdDSA,
            Self::Rs256(_) => Algorithm::RS256,
            Self::Hs256(_) => Algorithm::HS256,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is jsonwebtoken's")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let verifier = match algorithm {
        Algorithm::ES256 => RingVerifier::Es256(key.clone()),
        Algorithm::EdDSA => RingVerifier::EdDsa(key.clone()),
        Algorithm::RS256 => RingVerifier::Rs256(key.clone()),
        Algorithm::HS256 => RingVerifier::Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?)),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(verifier))
}

/// ring's errors deliberately have no details.
fn unspecified(_: ring::error::Unspecified) -> signature::Error {
    signature::Error::new()
}

fn raw(key: &DecodingKey) -> std::result::Result<&[u8], signature::Error> {
    key.try_get_as_bytes().map_err(signature::Error::from_source)
}

pub(super) fn ec_pair(pkcs8: &[u8]) -> Result<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
        .map_err(|_| ErrorKind::InvalidEcdsaKey.into())
}

/// Also accepts PKCS#8 without the public key, which `openssl genpkey` writes.
pub(super) fn ed_pair(pkcs8: &[u8]) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

/// Reads PKCS#1, which jsonwebtoken extracts from both kinds of PEM.
pub(super) fn rsa_pair(pkcs1: &[u8]) -> Result<RsaKeyPair> {
    RsaKeyPair::from_der(pkcs1).map_err(|e| ErrorKind::InvalidRsaKey(e.to_string()).into())
}

fn rsa_components(pkcs1: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let components = PublicKeyComponents::<Vec<u8>>::from(rsa_pair(pkcs1)?.public());
    Ok((components.n, components.e))
}

fn ec_components(pkcs8: &[u8], algorithm: Algorithm) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
    if algorithm != Algorithm::ES256 {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    let pair = ec_pair(pkcs8)?;
    // SEC 1: 0x04, then x and y of 32 bytes each.
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    Ok((EllipticCurve::P256, x.to_vec(), y.to_vec()))
}

fn ed_component(pkcs8: &[u8], curve: &EllipticCurve) -> Result<Vec<u8>> {
    if *curve != EllipticCurve::Ed25519 {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    Ok(ed_pair(pkcs8)?.public_key().as_ref().to_vec())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is jsonwebtoken's")]
fn compute_digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &digest::SHA256,
        ThumbprintHash::SHA384 => &digest::SHA384,
        ThumbprintHash::SHA512 => &digest::SHA512,
        _ => return Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
    };
    Ok(digest::digest(algorithm, data).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_is_no_mistake() {
        install();
        install();
    }

    #[test]
    fn a_key_of_one_family_neither_signs_nor_verifies_as_another() {
        install();
        let secret = EncodingKey::from_secret(b"an RSA public key, offered as an HMAC secret");
        assert!(signer(&Algorithm::ES256, &secret).is_err());
        assert!(signer(&Algorithm::HS256, &secret).is_err());
        let point = DecodingKey::from_ec_der(&[4; 65]);
        assert!(verifier(&Algorithm::EdDSA, &point).is_err());
        assert!(verifier(&Algorithm::ES384, &point).is_err());
        assert!(verifier(&Algorithm::HS256, &point).is_err());
        let secret = DecodingKey::from_secret(&[7; 65]);
        for other in [Algorithm::ES256, Algorithm::RS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(verifier(&other, &secret).is_err(), "{other:?}");
        }
    }
}
