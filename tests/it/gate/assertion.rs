//! The signed identity assertion: its claims, its signature, and that it cannot be used for anything else.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::id;
use crate::support::{AUDIENCE, ISSUER, Sidecar, TestIssuer, TestSidecar, now, wait_until};

const HEADER: &str = "X-Sidegate-Assertion";
const JWKS: &str = "/.well-known/sidegate/jwks.json";
const TIMEOUT: Duration = Duration::from_secs(20);

fn described() -> TestSidecar {
    TestSidecar::new()
        .config("identity_headers: { assertion: { ttl: 30s } }")
        .route("/api/**", "authenticated")
        .route("/open/**", "public")
        .route("/maybe/**", "optional")
}

/// The verification by an application, as `docs/assertion.md` describes it: it fetches the keys from the instance in
/// front of it, and compares every claim with what it knows.
struct Application {
    keys: Value,
    issuer: String,
}

impl Application {
    async fn behind(sidecar: &Sidecar, issuer: &str) -> Self {
        let answer = sidecar.get(JWKS).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
        let keys = answer.json()["keys"].clone();
        for key in keys.as_array().unwrap() {
            assert!(key.get("d").is_none(), "a private key is published");
        }
        Self {
            keys,
            issuer: issuer.to_owned(),
        }
    }

    /// The claims, or the check that failed.
    fn verify(&self, assertion: &str, method: &str, uri: &str, now: u64) -> Result<Value, &'static str> {
        let parts: Vec<_> = assertion.split('.').collect();
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        let header = json(parts[0]);
        if header["typ"] != "sidegate-assertion+jwt" || header["alg"] != "ES256" {
            return Err("kind");
        }
        let mut keys = self.keys.as_array().unwrap().iter();
        let key = keys.find(|key| key["kid"] == header["kid"]).ok_or("key")?;
        let point = [
            vec![4],
            decode(key["x"].as_str().unwrap()),
            decode(key["y"].as_str().unwrap()),
        ]
        .concat();
        let signed = assertion.rsplit_once('.').unwrap().0;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &decode(parts[2]))
            .map_err(|_| "signature")?;
        let claims = json(parts[1]);
        let (from, until) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        match () {
            () if claims["iss"] != *self.issuer => Err("issuer"),
            () if claims["aud"] != "urn:sidegate:upstream:app" => Err("audience"),
            () if !(from..until).contains(&now) || until - from > 60 => Err("time"),
            () if claims["htm"] != method => Err("method"),
            () if claims["htu"] != uri => Err("uri"),
            () => Ok(claims),
        }
    }
}

/// The one assertion that arrives.
async fn assertion(sidecar: &Sidecar, method: &str, target: &str, token: &str) -> String {
    let seen = sidecar
        .request(method, target)
        .bearer(token)
        .send()
        .await
        .upstream_saw();
    let [one] = seen.header_family(HEADER)[..] else {
        panic!("not one assertion: {:?}", seen.lines)
    };
    one.to_owned()
}

#[tokio::test]
async fn an_application_verifies_user_and_request_with_the_served_key() {
    let sidecar = described().start().await;
    let application = Application::behind(&sidecar, ISSUER).await;
    let alice = sidecar.user("alice").await;
    let sent = assertion(&sidecar, "GET", "/api/x?y=z", &alice.access_token).await;
    let uri = format!("{}/api/x", sidecar.url());
    let now = now();
    let claims = application.verify(&sent, "GET", &uri, now).unwrap();
    assert_eq!(claims["sub"], id(&alice));
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(claims.get("email"), None, "the address is not verified");
    assert_eq!(claims["idp"], ISSUER);

    // An attacker who copied it sends it again.
    let replayed = |method: &str, uri: &str, now: u64| application.verify(&sent, method, uri, now).unwrap_err();
    assert_eq!(replayed("DELETE", &uri, now), "method");
    assert_eq!(replayed("GET", &format!("{}/api/xx", sidecar.url()), now), "uri");
    assert_eq!(replayed("GET", "http://other.test/api/x", now), "uri");
    assert_eq!(replayed("GET", &uri, now + 31), "time");
    let (head, signature) = sent.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let root = URL_SAFE_NO_PAD.encode(r#"{"sub":"root"}"#);
    let forged = application.verify(&format!("{header}.{root}.{signature}"), "GET", &uri, now);
    assert_eq!(forged, Err("signature"));
}

#[tokio::test]
async fn one_is_signed_once_for_many_equal_requests() {
    let sidecar = described().start().await;
    let alice = sidecar.user("alice").await;
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(assertion(&sidecar, "GET", "/api/x", &alice.access_token).await);
    }
    sent.dedup();
    assert!(sent.len() <= 2, "{} were signed", sent.len());
    assert_ne!(assertion(&sidecar, "GET", "/api/y", &alice.access_token).await, sent[0]);
    let hits = sidecar
        .metric(
            "sidegate_cache_requests_total",
            &[("cache", "assertion"), ("result", "hit")],
        )
        .await;
    assert!(hits >= 18.0, "{hits} hits");
}

#[tokio::test]
async fn what_a_client_calls_an_assertion_never_arrives() {
    let sidecar = described().start().await;
    let alice = sidecar.user("alice").await;
    let stolen = assertion(&sidecar, "GET", "/api/x", &alice.access_token).await;
    for spelling in [
        "X-Sidegate-Assertion",
        "x_sidegate_assertion",
        "X.Sidegate~Assertion",
        "X-SIDEGATE_ASSERTION",
    ] {
        for path in ["/open/x", "/maybe/x"] {
            let seen = sidecar.get(path).header(spelling, &stolen).send().await.upstream_saw();
            assert!(seen.header_family(HEADER).is_empty(), "{spelling} on {path}");
        }
        let request = sidecar
            .get("/api/y")
            .bearer(&alice.access_token)
            .header(spelling, &stolen);
        let seen = request.send().await.upstream_saw();
        let arrived = seen.header_family(HEADER);
        assert_eq!(arrived.len(), 1, "{spelling}");
        assert_ne!(arrived[0], stolen, "{spelling}");
    }
}

#[tokio::test]
async fn a_public_route_sends_no_identity_even_with_a_valid_token() {
    let sidecar = described().start().await;
    let alice = sidecar.user("alice").await;
    let seen = sidecar
        .get("/open/x")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert!(seen.header_family(HEADER).is_empty());
    let seen = sidecar.get("/maybe/x").send().await.upstream_saw();
    assert!(seen.header_family(HEADER).is_empty(), "nobody in particular");
    assert!(
        !assertion(&sidecar, "GET", "/maybe/x", &alice.access_token)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_assertion_is_not_accepted_as_an_access_token_here_or_elsewhere() {
    let sidecar = described().start().await;
    let alice = sidecar.user("alice").await;
    let sent = assertion(&sidecar, "GET", "/api/x", &alice.access_token).await;
    let trusting = format!(
        "{{ auth: null, store: {{ postgres: null }}, issuers: [{{ issuer: \"{ISSUER}\", audience: [{AUDIENCE}], \
         jwks_url: \"{}{JWKS}\" }}] }}",
        sidecar.url()
    );
    let verifier = TestSidecar::beside(&sidecar).config(&trusting).start().await;
    assert_eq!(verifier.get("/").bearer(&alice.access_token).send().await.status(), 200);
    for (instance, path) in [(&sidecar, "/api/x"), (&verifier, "/")] {
        let answer = instance.get(path).bearer(&sent).send().await;
        assert_eq!(
            (answer.status(), &answer.json()["code"]),
            (401, &"token_wrong_type".into())
        );
    }
    let answer = sidecar.get("/auth/me").bearer(&sent).send().await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
}

#[tokio::test]
async fn a_route_has_its_own_header_and_life_or_none_and_what_it_strips_is_not_bound() {
    let sidecar = described()
        .route_yaml(
            "{ id: wiki, match: { path: /wiki/** }, upstream: app, access: authenticated, strip_prefix: /wiki, \
             identity_headers: { assertion: { header: X-Wiki-Caller, ttl: 5s } } }",
        )
        .route_yaml(
            "{ id: plain, match: { path: /plain }, upstream: app, access: authenticated, \
             identity_headers: { assertion: { enabled: false } } }",
        )
        .start()
        .await;
    let application = Application::behind(&sidecar, ISSUER).await;
    let alice = sidecar.user("alice").await;
    let seen = sidecar
        .get("/wiki/page")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert!(seen.header_family(HEADER).is_empty());
    let sent = seen.header("x-wiki-caller").unwrap();
    let uri = format!("{}/page", sidecar.url());
    let claims = application.verify(sent, "GET", &uri, now()).unwrap();
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 5);
    let seen = sidecar
        .get("/plain")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert!(seen.header_family(HEADER).is_empty());
    // The name is reserved on every route, because one of them sets it.
    let seen = sidecar
        .get("/open/x")
        .header("x_wiki_caller", "root")
        .send()
        .await
        .upstream_saw();
    assert!(seen.header_family("x-wiki-caller").is_empty());
}

#[tokio::test]
async fn after_a_rotation_the_new_key_signs_and_is_found_in_the_document() {
    let sidecar = described().start().await;
    let alice = sidecar.user("alice").await;
    let kid = |assertion: &str| {
        let header = URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
    };
    let before = kid(&assertion(&sidecar, "GET", "/api/x", &alice.access_token).await);
    let output = sidecar.command(&["keys", "rotate", "--now"]);
    assert!(output.status.success(), "{output:?}");
    wait_until("the new key signs", TIMEOUT, async || {
        kid(&assertion(&sidecar, "GET", "/api/x", &alice.access_token).await) != before
    })
    .await;
    let application = Application::behind(&sidecar, ISSUER).await;
    let sent = assertion(&sidecar, "GET", "/api/x", &alice.access_token).await;
    let uri = format!("{}/api/x", sidecar.url());
    application.verify(&sent, "GET", &uri, now()).unwrap();
}

#[tokio::test]
async fn a_verifier_signs_with_a_key_of_its_own_that_it_serves_and_nobody_else_does() {
    let issuer = TestIssuer::new();
    let verifier = || {
        TestSidecar::new()
            .config(&issuer.config())
            .config("{ auth: null, store: { postgres: null }, revocation: { feed: none }, server: { public_url: 'https://gw.test' } }")
            .config("identity_headers: { assertion: {} }")
    };
    let (first, second) = (verifier().start().await, verifier().start().await);
    let token = issuer.token(&serde_json::json!({}), &serde_json::json!({}));
    let sent = assertion(&first, "GET", "/x", &token).await;
    let uri = format!("{}/x", first.url());
    let (in_front, elsewhere) = (
        Application::behind(&first, "https://gw.test").await,
        Application::behind(&second, "https://gw.test").await,
    );
    let claims = in_front.verify(&sent, "GET", &uri, now()).unwrap();
    assert_eq!(claims["sub"], "zoe");
    assert_eq!(claims["idp"], TestIssuer::NAME);
    assert_eq!(elsewhere.verify(&sent, "GET", &uri, now()), Err("key"));
}

#[tokio::test]
async fn the_document_is_read_and_never_proxied() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = sidecar.request(method, JWKS).send().await;
        assert_eq!(answer.status(), 405, "{method}");
    }
    let answer = sidecar.request("HEAD", JWKS).send().await;
    assert_eq!((answer.status(), answer.text()), (200, String::new()));
    assert_eq!(
        sidecar.get("/.well-known/%73idegate/jwks.json").send().await.status(),
        200
    );
    assert!(sidecar.upstream().seen().is_empty());
    let near = sidecar.get("/.well-known/sidegate/jwks.json2").send().await;
    assert_eq!(near.upstream_saw().target(), "/.well-known/sidegate/jwks.json2");
}

#[tokio::test]
async fn over_http_2_it_is_bound_to_the_authority() {
    let sidecar = described().start().await;
    let application = Application::behind(&sidecar, ISSUER).await;
    let alice = sidecar.user("alice").await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}/api/x", sidecar.url());
    let answer = client.get(&url).bearer_auth(&alice.access_token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = sidecar.upstream().seen().pop().unwrap();
    let sent = seen.header(HEADER).unwrap();
    application.verify(sent, "GET", &url, now()).unwrap();
    assert_eq!(seen.header("x-forwarded-host"), url.split('/').nth(2));
}
