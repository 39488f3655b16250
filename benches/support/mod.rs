//! What the benches share: keys, tokens, and the configuration of the verifier that is measured.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sidegate::keys::{Algorithm, SigningKey};

/// The issuer of tokens with public keys.
const ISSUER: &str = "https://bench.test";
/// The issuer of HS256 tokens, which are cheap enough to make a million of.
const HMAC_ISSUER: &str = "https://hmac.bench.test";
const HMAC_SECRET: &str = "4cee73707d5447861751da834256a167c6397f74ed521629";

/// The issuer that signs the tokens.
pub(crate) struct Signers {
    keys: [SigningKey; 3],
    hmac: ring::hmac::Key,
}

impl Signers {
    pub(crate) fn new() -> Self {
        let keys = Algorithm::ALL.map(|algorithm| {
            let rsa = include_str!("../../src/keys/testdata/rsa_2048.pem");
            let key = match algorithm {
                Algorithm::Rs256 => SigningKey::from_pem(algorithm, rsa),
                _ => SigningKey::generate(algorithm),
            };
            key.expect("the benches' keys are good")
        });
        let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, HMAC_SECRET.as_bytes());
        Self { keys, hmac }
    }

    /// The sections of the configuration that trust them.
    pub(crate) fn issuers(&self) -> String {
        let jwks = json!({"keys": self.keys.each_ref().map(|key| key.verifying_key().to_jwk())});
        format!(
            "issuers:\n  - {{ issuer: \"{ISSUER}\", audience: [bench], algorithms: [ES256, EdDSA, RS256], jwks: {jwks} }}\n  \
             - {{ issuer: \"{HMAC_ISSUER}\", audience: [bench], hs256_secret: \"{HMAC_SECRET}\" }}\n"
        )
    }

    /// The token of caller `index`. All tokens of one algorithm are of one length.
    pub(crate) fn token(&self, algorithm: Algorithm, index: usize, now: i64) -> String {
        if algorithm == Algorithm::Hs256 {
            let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = encode(json!({"alg": "HS256", "typ": "at+jwt"}));
            let input = format!("{header}.{}", encode(claims(HMAC_ISSUER, index, now)));
            let tag = ring::hmac::sign(&self.hmac, input.as_bytes());
            return format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
        }
        let key = self.keys.iter().find(|key| key.algorithm() == algorithm);
        let key = key.expect("there is a key for each algorithm");
        key.sign("at+jwt", &claims(ISSUER, index, now))
            .expect("claims are JSON")
    }
}

/// What an access token of an issuer of ours holds.
fn claims(issuer: &str, index: usize, now: i64) -> Value {
    json!({
        "iss": issuer, "sub": format!("01a20a3d-6059-74ff-929e-{index:012}"), "aud": "bench", "exp": now + 7200, "iat": now,
        "jti": format!("{index:022}"), "sid": session(index), "email": "someone@example.com",
        "email_verified": true, "preferred_username": "someone", "roles": ["staff", "wiki"], "scope": "read write",
    })
}

/// The session of caller `index`.
fn session(index: usize) -> String {
    format!("6b8951d8-7148-4a9b-857a-{index:012}")
}

/// Policies, limits and routes, one route for each scenario, and as many `more` as asked for.
pub(crate) fn routes(more: usize) -> String {
    let mut yaml = String::from(
        r#"
policies:
  five:
    - deny: { claim: suspended, equals: true }
    - allow: { role: admin }
    - allow: { all: [{ role: finance }, { scope: "billing:write" }] }
    - allow: { any: [{ permission: a }, { permission: b }] }
    - allow: { role: staff }
rate_limits: { per-user: { key: user, limit: 100000000/1m, on_store_error: deny } }
routes:
  - { id: plain, match: { path: "/plain/**" }, upstream: app, access: public }
  - { id: token, match: { path: "/token/**" }, upstream: app, access: authenticated }
  - { id: policy, match: { path: "/policy/**" }, upstream: app, access: five }
  - { id: limited, match: { path: "/limited/**" }, upstream: app, access: authenticated, rate_limits: [per-user] }
  - { id: full, match: { path: "/full/**" }, upstream: app, access: five, rate_limits: [per-user] }
"#,
    );
    if knows_assertions() {
        yaml.push_str(
            r#"
  - { id: asserted, match: { path: "/asserted/**" }, upstream: app, access: authenticated, identity_headers: { assertion: { enabled: true } } }
  - { id: everything, match: { path: "/everything/**" }, upstream: app, access: five, rate_limits: [per-user], identity_headers: { assertion: { enabled: true } } }
"#,
        );
    }
    for index in 0..more {
        let host = index % 50;
        writeln!(
            yaml,
            "  - {{ id: more-{index}, match: {{ host: h{host}.test, path: \"/more/{index}/**\" }}, upstream: app, access: authenticated }}",
        )
        .expect("a String takes any text");
    }
    yaml
}

/// Whether this release signs assertions for applications.
pub(crate) fn knows_assertions() -> bool {
    let yaml = "version: 1\nidentity_headers: { assertion: { enabled: true } }\n";
    let complaints = sidegate::config::parse("probe", yaml, &|_| None).err();
    complaints.is_none_or(|errors| !errors.to_string().contains("assertion"))
}

/// Where the private Redis is.
pub(crate) fn redis_url() -> String {
    std::env::var("SIDEGATE_TEST_REDIS_URL").expect("run `make bench`: it starts Redis")
}

/// Says on the terminal what is being done, while the tables go to standard output.
pub(crate) fn progress(what: &str) {
    eprintln!("  … {what}");
}

/// Resident memory of a process, by its id.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next());
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("Linux says how much it is");
    kib * 1024
}
