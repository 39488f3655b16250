//! An external issuer: keys of the test, published by a server that the test controls.

use serde_json::{Value, json};
use sidegate::keys::{Algorithm, SigningKey, provider};

use crate::support::{Behaviour, Sidecar, TestSidecar, Upstream};

/// The `iss` of its tokens.
pub const ISSUER: &str = "https://issuer.test";

/// The server that publishes keys.
#[derive(Debug)]
pub struct Publisher {
    server: Upstream,
}

impl Publisher {
    /// A server that is down: it closes every connection.
    pub async fn down() -> Self {
        let server = Upstream::start().await;
        server.behave(Behaviour::Close);
        Self { server }
    }

    /// A server that publishes `keys`.
    pub async fn of(keys: &[&SigningKey]) -> Self {
        let publisher = Self::down().await;
        publisher.publish(keys);
        publisher
    }

    /// Publishes only these keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.answer("200 OK", "Content-Type: application/json\r\n", &jwks(keys).to_string());
    }

    /// Answers like this from now on.
    pub fn answer(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.raw(format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ));
    }

    /// Sends these bytes from now on.
    pub fn raw(&self, bytes: String) {
        self.server.behave(Behaviour::Raw(bytes.into_bytes()));
    }

    /// Closes every connection from now on.
    pub fn go_down(&self) {
        self.server.behave(Behaviour::Close);
    }

    /// The number of requests it received.
    pub fn asked(&self) -> usize {
        self.server.seen().len()
    }

    pub fn url(&self) -> String {
        format!("http://{}/keys", self.server.address())
    }

    /// The entry under `issuers` that trusts it.
    pub fn entry(&self, issuer: &str, more: &str) -> String {
        format!(
            "{{ issuer: \"{issuer}\", jwks_url: \"{}\", audience: [test]{more} }}",
            self.url()
        )
    }
}

/// A verifier that trusts `entries`.
pub fn verifier(entries: &[String]) -> TestSidecar {
    TestSidecar::new().config(&trusting(entries))
}

/// The configuration of a verifier that trusts `entries`, issuers of other products.
pub fn trusting(entries: &[String]) -> String {
    format!(
        "auth: null\nstore: {{ postgres: null }}\nrevocation: {{ feed: none }}\nissuers: [{}]\n",
        entries.join(", ")
    )
}

pub fn key() -> SigningKey {
    provider::install();
    SigningKey::generate(Algorithm::Es256).unwrap()
}

pub fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.verifying_key().to_jwk()).collect::<Vec<_>>() })
}

/// A good token of [`ISSUER`].
pub fn token(key: &SigningKey) -> String {
    token_with(key, &json!({}))
}

/// The same with other claims.
pub fn token_with(key: &SigningKey, other: &Value) -> String {
    key.sign("at+jwt", &claims(other)).unwrap()
}

/// The claims of a valid token of [`ISSUER`], and `other`.
pub fn claims(other: &Value) -> Value {
    let now = sidegate::clock::now().unix_timestamp();
    let mut claims = json!({
        "iss": ISSUER, "aud": "test", "sub": "alice", "iat": now - 5, "exp": now + 600, "roles": ["staff"],
    });
    for (name, value) in other.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The status of a request with `token`, and the code of a refusal.
pub async fn presented(sidecar: &Sidecar, token: &str) -> (u16, String) {
    let answer = sidecar.get("/").bearer(token).send().await;
    let code = if answer.reached_upstream() {
        String::new()
    } else {
        answer.code()
    };
    (answer.status(), code)
}

/// A refusal as [`presented`] returns it.
pub fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// What [`presented`] returns for a token that passes.
pub fn passed() -> (u16, String) {
    (200, String::new())
}
