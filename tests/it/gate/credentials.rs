//! Credentials: which one is used, and what a token has to be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::id;
use crate::support::{Sidecar, TestIssuer, TestSidecar, encode, now};

async fn accepting(issuer: &TestIssuer) -> Sidecar {
    TestSidecar::new().config(&issuer.config()).start().await
}

/// An ES256 signature has a second valid form: a revoked token with the other one is still revoked.
#[tokio::test]
async fn the_twin_of_a_tokens_signature_is_revoked_with_it() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let (input, signature) = alice.access_token.rsplit_once('.').unwrap();
    let twin = format!("{input}.{}", high_s_twin(signature));
    assert_ne!(twin, alice.access_token);
    assert_eq!(sidecar.get("/x").bearer(&twin).send().await.status(), 200);
    let answer = sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert_eq!(answer.status(), 204);
    let answer = sidecar.get("/x").bearer(&twin).send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (401, "revoked"));
}

/// `(r, n - s)` for `(r, s)`, where n is the order of P-256 (FIPS 186-4 D.1.2.3).
fn high_s_twin(signature: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = false;
    for (index, order) in ORDER.iter().enumerate().rev() {
        let (less, first) = order.overflowing_sub(bytes[32 + index]);
        let (less, second) = less.overflowing_sub(u8::from(borrow));
        (bytes[32 + index], borrow) = (less, first || second);
    }
    encode(&bytes)
}

#[tokio::test]
async fn two_authorization_headers_are_refused_even_when_equal() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let twice = sidecar
        .get("/x")
        .bearer(&alice.access_token)
        .bearer(&alice.access_token);
    let answer = twice.send().await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (400, "credentials_ambiguous")
    );
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn on_an_optional_route_no_token_is_anonymous_and_a_bad_one_is_refused() {
    let sidecar = TestSidecar::new().route("/**", "optional").start().await;
    let alice = sidecar.user("alice").await;
    let anonymous = sidecar.get("/x").send().await.upstream_saw();
    assert_eq!(anonymous.header("X-Forwarded-User"), None);
    let signed_in = sidecar
        .get("/x")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert_eq!(signed_in.header("X-Forwarded-User"), Some(id(&alice).as_str()));
    for bad in ["Bearer nonsense", "Bearer", "Basic YTpi", ""] {
        let answer = sidecar.get("/x").header("Authorization", bad).send().await;
        assert_eq!(answer.status(), 401, "{bad}");
    }
    assert_eq!(sidecar.upstream().seen().len(), 2);
}

#[tokio::test]
async fn on_a_public_route_no_token_is_looked_at() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let seen = sidecar.get("/x").bearer("nonsense").send().await.upstream_saw();
    assert_eq!(
        (seen.header("Authorization"), seen.header("X-Forwarded-User")),
        (None, None)
    );
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_only_bearer_is_one() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let token = &alice.access_token;
    for value in [format!("bearer {token}"), format!("BEARER  {token}")] {
        assert_eq!(
            sidecar.get("/x").header("Authorization", &value).send().await.status(),
            200
        );
    }
    for value in [
        format!("Basic {token}"),
        format!("Bearer {token}, {token}"),
        token.clone(),
        format!("Bearer\t{token}"),
    ] {
        let answer = sidecar.get("/x").header("Authorization", &value).send().await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (401, "credentials_malformed")
        );
    }
}

#[tokio::test]
async fn neither_the_token_nor_the_session_cookie_reaches_the_application() {
    let cookie = "auth: { session_cookie: __Host-session }";
    let forward =
        "{ id: raw, match: { path: /raw/** }, upstream: app, access: authenticated, forward_authorization: true }";
    let sidecar = TestSidecar::new()
        .config(cookie)
        .route("/**", "authenticated")
        .route_yaml(forward);
    let sidecar = sidecar.start().await;
    let token = sidecar.user("alice").await.access_token;

    let seen = sidecar
        .get("/x")
        .bearer(&token)
        .header("Cookie", "a=1")
        .send()
        .await
        .upstream_saw();
    assert_eq!(
        (seen.header("Authorization"), seen.header("Cookie")),
        (None, Some("a=1"))
    );

    let cookies = format!("a=1; __Host-session={token}; b=2");
    let seen = sidecar.get("/x").header("Cookie", &cookies).send().await.upstream_saw();
    assert_eq!(seen.header("Cookie"), Some("a=1; b=2"));
    assert!(seen.header("X-Forwarded-User").is_some());

    let seen = sidecar.get("/raw/x").bearer(&token).send().await.upstream_saw();
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {token}").as_str()));
}

#[tokio::test]
async fn a_bad_token_does_not_fall_through_to_a_good_cookie() {
    let cookie = "auth: { session_cookie: __Host-session }";
    let sidecar = TestSidecar::new().config(cookie).start().await;
    let token = sidecar.user("alice").await.access_token;
    let cookie = format!("__Host-session={token}");
    let request = sidecar.get("/x").header("Cookie", &cookie);
    let both = request.clone().bearer("nonsense").send().await;
    assert_eq!((both.status(), both.code().as_str()), (400, "credentials_ambiguous"));
    let malformed = request.clone().header("Authorization", "Bearer").send().await;
    assert_eq!(
        (malformed.status(), malformed.code().as_str()),
        (401, "credentials_malformed")
    );
    assert_eq!(request.clone().send().await.status(), 200);
    let planted = sidecar
        .get("/x")
        .header("Cookie", "__Host-session=a.b.c")
        .header("Cookie", &cookie);
    assert_eq!(planted.send().await.code(), "credentials_ambiguous");
    let forged = sidecar
        .post("/x")
        .header("Cookie", &cookie)
        .header("Sec-Fetch-Site", "cross-site");
    let forged = forged.send().await;
    assert_eq!((forged.status(), forged.code().as_str()), (403, "cross_site"));
}

#[tokio::test]
async fn after_logout_the_very_next_request_is_revoked() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let bob = sidecar.user("bob").await;
    assert_eq!(sidecar.get("/x").bearer(&alice.access_token).send().await.status(), 200);
    let out = sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert!(out.status() < 300, "{} {}", out.status(), out.text());
    let answer = sidecar.get("/x").bearer(&alice.access_token).send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (401, "revoked"));
    assert_eq!(sidecar.get("/x").bearer(&bob.access_token).send().await.status(), 200);
}

#[tokio::test]
async fn a_token_of_an_issuer_that_is_configured_passes() {
    let issuer = TestIssuer::new();
    let sidecar = accepting(&issuer).await;
    for (header, claims) in [
        (json!({}), json!({})),
        (json!({ "typ": null }), json!({ "aud": ["other", "test"] })),
        (
            json!({ "typ": "at+jwt" }),
            json!({ "exp": now() + 1, "nbf": now() + 20 }),
        ),
        (json!({}), json!({ "exp": now() - 20 })),
    ] {
        let token = issuer.token(&header, &claims);
        let seen = sidecar.get("/x").bearer(&token).send().await.upstream_saw();
        assert_eq!(seen.header("X-Forwarded-User"), Some("zoe"), "{header} {claims}");
    }
}

#[tokio::test]
async fn every_near_miss_of_a_good_token_is_refused_by_its_own_name() {
    let issuer = TestIssuer::new();
    let sidecar = accepting(&issuer).await;
    for (header, claims, code) in near_misses() {
        let token = issuer.token(&header, &claims);
        let answer = sidecar.get("/x").bearer(&token).send().await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (401, code),
            "{header} {claims}"
        );
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer") && challenge.contains("invalid_token"),
            "{challenge}"
        );
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

fn near_misses() -> Vec<(Value, Value, &'static str)> {
    let header = |header: Value, code| (header, json!({}), code);
    let claims = |claims: Value, code| (json!({}), claims, code);
    vec![
        claims(json!({ "exp": now() - 31 }), "token_expired"),
        claims(json!({ "exp": null }), "token_bad_claims"),
        claims(json!({ "exp": "9999999999" }), "token_bad_claims"),
        claims(json!({ "nbf": now() + 60 }), "token_not_yet_valid"),
        claims(json!({ "nbf": "0" }), "token_bad_claims"),
        claims(json!({ "aud": "tests" }), "token_wrong_audience"),
        claims(json!({ "aud": null }), "token_bad_claims"),
        claims(json!({ "iss": "https://other.test/" }), "token_wrong_issuer"),
        claims(json!({ "iss": ["https://other.test"] }), "token_bad_claims"),
        claims(json!({ "sub": null }), "token_bad_claims"),
        claims(json!({ "sub": "" }), "token_bad_claims"),
        claims(json!({ "sub": "zoe\r\nX: y" }), "token_bad_claims"),
        claims(json!({ "sub": "   " }), "token_bad_claims"),
        claims(json!({ "sub": "\u{a0}" }), "token_bad_claims"),
        claims(json!({ "sid": " " }), "token_bad_claims"),
        claims(json!({ "jti": "" }), "token_bad_claims"),
        claims(json!({ "cnf": { "jkt": "a" } }), "token_bound_to_key"),
        claims(json!({ "cnf": {} }), "token_bound_to_key"),
        header(json!({ "kid": "k2" }), "token_unknown_key"),
        header(json!({ "alg": "ES384" }), "token_wrong_algorithm"),
        header(json!({ "alg": "none" }), "token_wrong_algorithm"),
        header(json!({ "alg": "HS256" }), "token_wrong_algorithm"),
        header(json!({ "typ": "refresh+jwt" }), "token_wrong_type"),
        header(json!({ "crit": ["exp"] }), "token_malformed"),
        header(json!({ "jwk": {} }), "token_malformed"),
    ]
}

#[tokio::test]
async fn a_token_that_somebody_else_signed_is_refused() {
    let issuer = TestIssuer::new();
    let sidecar = accepting(&issuer).await;
    let input = TestIssuer::signing_input(&json!({}), &json!({}));
    let good = issuer.sign(&input);
    let hmac_input = TestIssuer::signing_input(&json!({ "alg": "HS256" }), &json!({}));
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, issuer.public_key());
    let confused = format!(
        "{hmac_input}.{}",
        encode(hmac::sign(&hmac_key, hmac_input.as_bytes()).as_ref())
    );
    for (token, code) in [
        (TestIssuer::new().sign(&input), "token_bad_signature"),
        (format!("{input}.{}", encode(&[0; 64])), "token_bad_signature"),
        (format!("{input}."), "token_malformed"),
        (input.clone(), "token_malformed"),
        (format!("{good}.{good}"), "token_malformed"),
        (confused, "token_wrong_algorithm"),
        ("a".repeat(8 * 1024 + 1), "token_too_large"),
    ] {
        let answer = sidecar.get("/x").bearer(&token).send().await;
        assert_eq!((answer.status(), answer.code().as_str()), (401, code));
    }
    assert_eq!(sidecar.get("/x").bearer(&good).send().await.status(), 200);
}
