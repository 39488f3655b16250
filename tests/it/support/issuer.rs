//! An external issuer, whose keys a sidecar has and whose tokens can be wrong in any way.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::config::AUDIENCE;

/// Signs any header and claims with ES256.
#[derive(Debug)]
pub struct TestIssuer {
    key: EcdsaKeyPair,
}

impl TestIssuer {
    pub const NAME: &str = "https://other.test";

    pub fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { key }
    }

    /// The public point, uncompressed.
    pub fn public_key(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// The `issuers:` of a sidecar that accepts its tokens.
    pub fn config(&self) -> String {
        let point = self.public_key();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": x, "y": y });
        let issuer = json!({ "issuer": Self::NAME, "audience": [AUDIENCE], "jwks": { "keys": [jwk] } });
        json!({ "issuers": [issuer] }).to_string()
    }

    /// A token that is valid except for the two overlays; `null` removes a member.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.sign(&Self::signing_input(header, claims))
    }

    /// The signed part of such a token.
    pub fn signing_input(header: &Value, claims: &Value) -> String {
        let mut whole_header = json!({ "alg": "ES256", "kid": "k1", "typ": "JWT" });
        let mut whole_claims = json!({
            "iss": Self::NAME, "aud": AUDIENCE, "sub": "zoe", "sid": "s1",
            "iat": now(), "exp": now() + 600, "roles": ["reader"],
        });
        overlay(&mut whole_header, header);
        overlay(&mut whole_claims, claims);
        let parts = [whole_header, whole_claims].map(|part| encode(part.to_string().as_bytes()));
        parts.join(".")
    }

    /// Appends the signature.
    pub fn sign(&self, signing_input: &str) -> String {
        let signature = self.key.sign(&SystemRandom::new(), signing_input.as_bytes()).unwrap();
        format!("{signing_input}.{}", encode(signature.as_ref()))
    }
}

/// Base64url, as in tokens.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Unix seconds.
pub fn now() -> u64 {
    sidegate::clock::now().unix_timestamp().try_into().unwrap()
}

/// The claims of a token, unchecked.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn overlay(under: &mut Value, over: &Value) {
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            under.as_object_mut().unwrap().remove(name);
        } else {
            under[name] = value.clone();
        }
    }
}
