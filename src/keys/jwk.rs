//! Public keys as JSON (RFC 7517, 7518, 8037) and their thumbprints (RFC 7638).
//!
//! Parsing is strict: a symmetric key would be a published secret, a private key must not be sent, and a short RSA
//! modulus can be factored. Each is refused with its own error.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::algorithm::Algorithm;
use super::weak::{self, Weakness};

/// Why a JWK is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The value is not a JSON object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// A member is missing, or not a string.
    #[error("the member `{0}` is missing or not a string")]
    Missing(&'static str),
    /// A member is not base64url, or not a value for this type of key.
    #[error("the member `{0}` is malformed")]
    Malformed(&'static str),
    /// The key contains a private or secret part.
    #[error("the member `{0}` is private: expected a public key")]
    Private(&'static str),
    /// The key type or curve is not supported.
    #[error("{0} keys are not supported: expected EC with P-256, OKP with Ed25519, or RSA")]
    Unsupported(String),
    /// `alg` does not match the key.
    #[error("the key has alg {0}: expected {1}")]
    Algorithm(String, Algorithm),
    /// `use` or `key_ops` say that the key is not for verification.
    #[error("the key is not for verifying signatures")]
    NotForVerifying,
    /// The RSA modulus is too short or too long.
    #[error("an RSA key of {0} bits is refused: expected 2048 to 8192")]
    RsaSize(usize),
    /// Signatures for the key can be forged.
    #[error("the key is refused: it is {0}")]
    Weak(#[from] Weakness),
}

impl JwkError {
    /// The error in one of a few words, without anything from the key: a key set is what another server sent, and does
    /// not belong into the log.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAnObject => "not an object",
            Self::Missing(_) => "a member is missing",
            Self::Malformed(_) => "a member is malformed",
            Self::Private(_) => "private",
            Self::Unsupported(_) => "type or curve not supported",
            Self::Algorithm(..) => "its `alg` is for another type of key",
            Self::NotForVerifying => "not for verifying signatures",
            Self::RsaSize(_) => "RSA, but not of 2048 to 8192 bits",
            Self::Weak(Weakness::SmallOrder) => "Ed25519, of small order",
            Self::Weak(Weakness::Roca) => "RSA, of a library whose keys can be factored (CVE-2017-15361)",
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Public {
    /// P-256: the uncompressed point, 65 bytes.
    Ec { point: Vec<u8> },
    /// Ed25519: 32 bytes.
    Ed { x: Vec<u8> },
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Parses a key and its `kid`.
pub(super) fn read(jwk: &Value) -> Result<(Public, Option<String>), JwkError> {
    let members = jwk.as_object().ok_or(JwkError::NotAnObject)?;
    if let Some(private) = PRIVATE_MEMBERS.into_iter().find(|name| members.contains_key(*name)) {
        return Err(JwkError::Private(private));
    }
    if members.get("use").is_some_and(|usage| usage != "sig") {
        return Err(JwkError::NotForVerifying);
    }
    if let Some(operations) = members.get("key_ops")
        && !operations
            .as_array()
            .is_some_and(|operations| operations.iter().any(|op| op == "verify"))
    {
        return Err(JwkError::NotForVerifying);
    }
    let kid = match members.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() => Some(kid.clone()),
        Some(_) => return Err(JwkError::Malformed("kid")),
    };

    let (public, algorithm) = match text(members, "kty")? {
        "EC" => (ec(members)?, Algorithm::Es256),
        "OKP" => (ed(members)?, Algorithm::EdDsa),
        "RSA" => (rsa(members)?, Algorithm::Rs256),
        other => return Err(JwkError::Unsupported(other.to_owned())),
    };
    match members.get("alg") {
        None => {}
        Some(Value::String(alg)) if algorithm.is_named(alg) => {}
        Some(Value::String(alg)) => return Err(JwkError::Algorithm(alg.clone(), algorithm)),
        Some(_) => return Err(JwkError::Malformed("alg")),
    }
    Ok((public, kid))
}

/// The key as a JWK, for publication.
pub(super) fn write(public: &Public, kid: &str) -> Value {
    let mut jwk = required(public);
    let algorithm = match public {
        Public::Ec { .. } => Algorithm::Es256,
        Public::Ed { .. } => Algorithm::EdDsa,
        Public::Rsa { .. } => Algorithm::Rs256,
    };
    jwk["use"] = "sig".into();
    jwk["alg"] = algorithm.name().into();
    jwk["kid"] = kid.into();
    jwk
}

/// The RFC 7638 thumbprint with SHA-256, base64url.
pub(super) fn thumbprint(public: &Public) -> String {
    // Section 3: required members only, in lexicographic order, without white space. `serde_json` maps are sorted, and
    // a test checks the RFC's example.
    let canonical = required(public).to_string();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

fn required(public: &Public) -> Value {
    match public {
        Public::Ec { point } => {
            let (x, y) = point[1..].split_at(32);
            json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
        }
        Public::Ed { x } => json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(x) }),
        Public::Rsa { n, e } => json!({ "e": encode(e), "kty": "RSA", "n": encode(n) }),
    }
}

fn ec(members: &Map<String, Value>) -> Result<Public, JwkError> {
    let curve = text(members, "crv")?;
    if curve != "P-256" {
        return Err(JwkError::Unsupported(format!("EC {curve}")));
    }
    // Section 6.2.1.2: each coordinate has its full length, including leading zeros. ring checks at each verification
    // that the point is on the curve.
    let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
    for (name, coordinate) in [("x", &x), ("y", &y)] {
        if coordinate.len() != 32 {
            return Err(JwkError::Malformed(name));
        }
    }
    let mut point = vec![4];
    point.extend(x);
    point.extend(y);
    Ok(Public::Ec { point })
}

fn ed(members: &Map<String, Value>) -> Result<Public, JwkError> {
    let curve = text(members, "crv")?;
    if curve != "Ed25519" {
        return Err(JwkError::Unsupported(format!("OKP {curve}")));
    }
    let x = bytes(members, "x")?;
    let point: &[u8; 32] = x.as_slice().try_into().map_err(|_| JwkError::Malformed("x"))?;
    if !weak::is_canonical(point) {
        return Err(JwkError::Malformed("x"));
    }
    match weak::ed25519(point) {
        Some(weakness) => Err(weakness.into()),
        None => Ok(Public::Ed { x }),
    }
}

fn rsa(members: &Map<String, Value>) -> Result<Public, JwkError> {
    let n = without_leading_zeros(bytes(members, "n")?);
    let e = without_leading_zeros(bytes(members, "e")?);
    let bits = bits(&n);
    if !(2048..=8192).contains(&bits) {
        return Err(JwkError::RsaSize(bits));
    }
    // Odd, at least 3, and not longer than ring supports: with an exponent of 1 every message would be its own
    // signature.
    let odd = e.last().is_some_and(|last| last & 1 == 1);
    if !odd || e == [1] || e.len() > 4 {
        return Err(JwkError::Malformed("e"));
    }
    match weak::rsa(&n) {
        Some(weakness) => Err(weakness.into()),
        None => Ok(Public::Rsa { n, e }),
    }
}

/// The size of a modulus without leading zero bytes.
pub(super) fn bits(n: &[u8]) -> usize {
    n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize)
}

fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn text<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JwkError> {
    members.get(name).and_then(Value::as_str).ok_or(JwkError::Missing(name))
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    URL_SAFE_NO_PAD
        .decode(text(members, name)?)
        .map_err(|_| JwkError::Malformed(name))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::VerifyingKey;
    use crate::keys::{SigningKey, provider};

    fn refused(jwk: &Value) -> JwkError {
        VerifyingKey::from_jwk(jwk).unwrap_err()
    }

    fn ec_jwk() -> Value {
        provider::install();
        SigningKey::generate(Algorithm::Es256).unwrap().verifying_key().to_jwk()
    }

    #[test]
    fn a_published_key_is_read_as_the_same_key() {
        provider::install();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm).unwrap();
            let read = VerifyingKey::from_jwk(&key.verifying_key().to_jwk()).unwrap();
            assert_eq!((read.kid(), read.algorithm()), (key.kid(), algorithm));
            let token = key.sign("at+jwt", &json!({})).unwrap();
            let (input, signature) = token.rsplit_once('.').unwrap();
            assert!(read.verify(input.as_bytes(), signature));
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc_example() {
        // RFC 7638 section 3.1.
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
        });
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_keys_own_name_is_kept() {
        let mut jwk = ec_jwk();
        jwk["kid"] = "2026-11".into();
        assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap().kid(), "2026-11");
        jwk["kid"] = 7.into();
        assert_eq!(refused(&jwk), JwkError::Malformed("kid"));
    }

    #[test]
    fn private_and_symmetric_keys_are_refused() {
        let mut jwk = ec_jwk();
        jwk["d"] = "AAAA".into();
        assert_eq!(refused(&jwk), JwkError::Private("d"));
        assert_eq!(refused(&json!({"kty": "oct", "k": "c2VjcmV0"})), JwkError::Private("k"));
        assert_eq!(refused(&json!({"kty": "oct"})), JwkError::Unsupported("oct".into()));
    }

    #[test]
    fn a_key_for_something_else_is_refused() {
        for (member, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("key_ops", json!("verify")),
        ] {
            let mut jwk = ec_jwk();
            jwk[member] = value;
            assert_eq!(refused(&jwk), JwkError::NotForVerifying);
        }
        let mut jwk = ec_jwk();
        jwk["alg"] = "ES384".into();
        assert_eq!(refused(&jwk), JwkError::Algorithm("ES384".into(), Algorithm::Es256));
    }

    #[test]
    fn malformed_keys_are_refused_by_the_member_that_is_wrong() {
        let cases = [
            (json!([]), JwkError::NotAnObject),
            (json!({}), JwkError::Missing("kty")),
            (
                json!({"kty": "EC", "crv": "P-384", "x": "", "y": ""}),
                JwkError::Unsupported("EC P-384".into()),
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
                JwkError::Malformed("x"),
            ),
            (json!({"kty": "OKP", "crv": "Ed25519"}), JwkError::Missing("x")),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "AA==", "y": "AA"}),
                JwkError::Malformed("x"),
            ),
        ];
        for (jwk, error) in cases {
            assert_eq!(refused(&jwk), error, "{jwk}");
        }
    }

    #[test]
    fn a_key_of_another_curve_is_refused_by_its_name_and_a_point_of_no_curve_verifies_nothing() {
        for (kty, crv) in [
            ("EC", "P-521"),
            ("EC", "secp256k1"),
            ("EC", "p-256"),
            ("OKP", "Ed448"),
            ("OKP", "X25519"),
        ] {
            let jwk = json!({"kty": kty, "crv": crv, "x": encode(&[1; 32]), "y": encode(&[1; 32])});
            assert_eq!(refused(&jwk), JwkError::Unsupported(format!("{kty} {crv}")), "{crv}");
        }
        crate::keys::provider::install();
        for (x, y) in [([0; 32], [0; 32]), ([1; 32], [1; 32]), ([255; 32], [255; 32])] {
            let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(&x), "y": encode(&y)});
            let key = VerifyingKey::from_jwk(&jwk).unwrap();
            for signature in [[0; 64], [1; 64], [255; 64]] {
                assert!(!key.verify(b"a.b", &encode(&signature)));
            }
        }
    }

    #[test]
    fn a_key_that_anybody_can_sign_for_is_refused() {
        let ed = |x: [u8; 32]| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&x)});
        let (mut one, mut prime) = ([0; 32], [0xff; 32]);
        one[0] = 1;
        (prime[0], prime[31]) = (0xed, 0x7f);
        assert_eq!(refused(&ed([0; 32])), JwkError::Weak(Weakness::SmallOrder));
        assert_eq!(refused(&ed(one)), JwkError::Weak(Weakness::SmallOrder));
        assert_eq!(refused(&ed(prime)), JwkError::Malformed("x"), "zero, spelled otherwise");
        let roca = include_str!("testdata/roca_2048.txt").trim_end();
        let jwk = json!({"kty": "RSA", "n": roca, "e": "AQAB"});
        assert_eq!(refused(&jwk), JwkError::Weak(Weakness::Roca));
    }

    #[test]
    fn a_key_of_the_algorithm_that_is_now_called_ed25519_is_read() {
        provider::install();
        let mut jwk = SigningKey::generate(Algorithm::EdDsa).unwrap().verifying_key().to_jwk();
        jwk["alg"] = "Ed25519".into();
        assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap().algorithm(), Algorithm::EdDsa);
        let mut other = ec_jwk();
        other["alg"] = "Ed25519".into();
        assert_eq!(refused(&other), JwkError::Algorithm("Ed25519".into(), Algorithm::Es256));
    }

    #[test]
    fn an_rsa_key_needs_2048_to_8192_bits_and_an_odd_exponent() {
        let rsa = |bits: usize, e: &[u8]| {
            let mut n = vec![0xff; bits / 8];
            if !bits.is_multiple_of(8) {
                n.insert(0, (1 << (bits % 8)) - 1);
            }
            json!({"kty": "RSA", "n": encode(&n), "e": encode(e)})
        };
        assert!(VerifyingKey::from_jwk(&rsa(2048, &[1, 0, 1])).is_ok());
        assert!(VerifyingKey::from_jwk(&rsa(8192, &[3])).is_ok());
        assert_eq!(refused(&rsa(2047, &[1, 0, 1])), JwkError::RsaSize(2047));
        assert_eq!(refused(&rsa(8193, &[1, 0, 1])), JwkError::RsaSize(8193));
        assert_eq!(refused(&rsa(0, &[1, 0, 1])), JwkError::RsaSize(0));
        for e in [&[][..], &[1], &[2], &[0, 1], &[1; 5]] {
            assert_eq!(refused(&rsa(2048, e)), JwkError::Malformed("e"), "{e:?}");
        }
    }
}
