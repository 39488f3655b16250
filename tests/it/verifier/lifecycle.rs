//! The keys of an issuer elsewhere over time: absent, fresh, new, stale, no longer trusted.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::publisher::{
    ISSUER, Publisher, claims, jwks, key, passed, presented, refused, token, token_with, trusting, verifier,
};
use crate::support::{Sidecar, wait_until};

const TIMEOUT: Duration = Duration::from_secs(30);

async fn wait_for(what: &str, sidecar: &Sidecar, token: &str, outcome: (u16, String)) {
    wait_until(what, TIMEOUT, async || presented(sidecar, token).await == outcome).await;
}

#[tokio::test]
async fn only_tokens_of_a_known_issuer_for_our_audience_pass() {
    let (ours, other) = (key(), key());
    let publisher = Publisher::of(&[&ours]).await;
    let verifier = verifier(&[publisher.entry(ISSUER, "")]).start().await;
    assert_eq!(presented(&verifier, &token(&ours)).await, passed());
    for (claims, code) in [
        (json!({ "iss": "https://other.test" }), "token_wrong_issuer"),
        (json!({ "iss": format!("{ISSUER}/") }), "token_wrong_issuer"),
        (json!({ "aud": "elsewhere" }), "token_wrong_audience"),
        (json!({ "exp": 1 }), "token_expired"),
    ] {
        assert_eq!(
            presented(&verifier, &token_with(&ours, &claims)).await,
            refused(401, code),
            "{claims}"
        );
    }
    assert_eq!(
        presented(&verifier, &token(&other)).await,
        refused(401, "token_unknown_key")
    );
}

#[tokio::test]
async fn an_empty_redis_means_nothing_is_revoked_only_where_the_configuration_says_so() {
    let ours = key();
    let entry = format!("{{ issuer: \"{ISSUER}\", audience: [test], jwks: {} }}", jwks(&[&ours]));
    let without = verifier(std::slice::from_ref(&entry)).start().await;
    assert_eq!(presented(&without, &token(&ours)).await, passed());
    let versioned = token_with(&ours, &json!({ "ver": "2.0" }));
    assert_eq!(
        presented(&without, &versioned).await,
        passed(),
        "another product's `ver`"
    );
    let following = verifier(&[entry]).config("revocation: { feed: redis }").start().await;
    assert_eq!(
        presented(&following, &token(&ours)).await,
        refused(503, "revocation_unknown")
    );
}

#[tokio::test]
async fn inline_keys_need_no_url() {
    let (ours, other) = (key(), key());
    let entry = format!("{{ issuer: \"{ISSUER}\", audience: [test], jwks: {} }}", jwks(&[&ours]));
    let verifier = verifier(&[entry]).start().await;
    assert_eq!(presented(&verifier, &token(&ours)).await, passed());
    assert_eq!(
        presented(&verifier, &token(&other)).await,
        refused(401, "token_unknown_key")
    );
}

#[tokio::test]
async fn a_shared_secret_is_taken_for_hs256_and_for_nothing_else() {
    const SECRET: &str = "d38a5aacbfca14fa8df38088458a2132";
    let ours = key();
    let entry = format!("{{ issuer: \"{ISSUER}\", audience: [test], hs256_secret: {{ env: SHARED }} }}");
    let verifier = verifier(&[entry]).env("SHARED", SECRET).start().await;
    assert_eq!(presented(&verifier, &hmac(SECRET, "HS256")).await, passed());
    assert_eq!(
        presented(&verifier, &hmac(&SECRET[1..], "HS256")).await,
        refused(401, "token_bad_signature")
    );
    for token in [hmac(SECRET, "HS512"), hmac(SECRET, "none"), token(&ours)] {
        assert_eq!(
            presented(&verifier, &token).await,
            refused(401, "token_wrong_algorithm")
        );
    }
}

fn hmac(secret: &str, algorithm: &str) -> String {
    let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let input = format!("{}.{}", encode(&header), encode(&claims(&json!({}))));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    format!(
        "{input}.{}",
        URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, input.as_bytes()))
    )
}

#[tokio::test]
async fn without_keys_a_verifier_is_not_ready_and_calls_no_token_bad() {
    let ours = key();
    let publisher = Publisher::down().await;
    let verifier = verifier(&[publisher.entry(ISSUER, "")]).spawn().await;
    verifier.wait_until_listening().await;
    wait_until("it has tried", TIMEOUT, async || {
        verifier.logs().contains("the issuer's keys could not be fetched")
    })
    .await;
    let ready = verifier.admin("GET", "/readyz").send().await;
    assert_eq!(
        (ready.status(), ready.text().trim()),
        (503, "not ready: no verification key yet")
    );
    let answer = verifier.get("/").bearer(&token(&ours)).send().await;
    assert_eq!(
        (answer.status(), answer.code().as_str(), answer.header("retry-after")),
        (503, "issuer_keys_unavailable", Some("5"))
    );

    publisher.publish(&[&ours]);
    wait_until("it is ready", TIMEOUT, async || {
        verifier.admin("GET", "/readyz").send().await.status() == 200
    })
    .await;
    assert_eq!(presented(&verifier, &token(&ours)).await, passed());
}

#[tokio::test]
async fn known_keys_go_on_while_the_url_is_down_until_they_are_stale() {
    let ours = key();
    let publisher = Publisher::of(&[&ours]).await;
    let verifier = verifier(&[publisher.entry(ISSUER, ", stale_ok_for: 15s")])
        .start()
        .await;
    let cached = token(&ours);
    assert_eq!(presented(&verifier, &cached).await, passed());

    publisher.go_down();
    wait_until("a refresh has failed", TIMEOUT, async || {
        let labels = [("issuer", ISSUER), ("result", "error")];
        verifier.metric("sidegate_jwks_refreshes_total", &labels).await > 0.0
    })
    .await;
    let fresh = token_with(&ours, &json!({ "jti": "first seen while the URL is down" }));
    assert_eq!(presented(&verifier, &fresh).await, passed());
    assert_eq!(presented(&verifier, &cached).await, passed());

    let gone = refused(503, "issuer_keys_unavailable");
    wait_for("the keys are too old", &verifier, &cached, gone).await;
    publisher.publish(&[&ours]);
    wait_for("the keys are back", &verifier, &cached, passed()).await;
}

#[tokio::test]
async fn a_new_key_is_learned_and_an_old_one_forgotten_within_a_cool_down() {
    let (old, new) = (key(), key());
    let publisher = Publisher::of(&[&old]).await;
    let verifier = verifier(&[publisher.entry(ISSUER, "")]).start().await;
    let (by_old, by_new) = (token(&old), token(&new));
    assert_eq!(presented(&verifier, &by_old).await, passed());

    publisher.publish(&[&new]);
    wait_for("the new key is known", &verifier, &by_new, passed()).await;
    assert_eq!(
        presented(&verifier, &by_old).await,
        refused(401, "token_unknown_key"),
        "a token that was verified before must not outlive its key"
    );
}

#[tokio::test]
async fn a_flood_of_invented_keys_is_one_fetch_per_cool_down() {
    let ours = key();
    let publisher = Publisher::of(&[&ours]).await;
    let verifier = verifier(&[publisher.entry(ISSUER, "")]).start().await;
    assert_eq!(publisher.asked(), 1);
    let begun = Instant::now();
    let forged: Vec<_> = (0..20).map(|_| token(&key())).collect();
    let mut asked = vec![];
    // A cool-down takes ten seconds: the flood continues after its end.
    while begun.elapsed() < Duration::from_secs(12) {
        for token in &forged {
            assert_eq!(presented(&verifier, token).await, refused(401, "token_unknown_key"));
        }
        asked.push(publisher.asked());
    }
    assert_eq!(
        asked.last(),
        Some(&2),
        "fetches while {} rounds were forged",
        asked.len()
    );
    assert_eq!(presented(&verifier, &token(&ours)).await, passed());
}

#[tokio::test]
async fn a_reload_starts_and_stops_what_refreshes() {
    const OTHER: &str = "https://other.test";
    let (ours, theirs) = (key(), key());
    let (publisher, other) = (Publisher::of(&[&ours]).await, Publisher::of(&[&theirs]).await);
    let mut verifier = verifier(&[publisher.entry(ISSUER, "")]).start().await;
    let by_other = token_with(&theirs, &json!({ "iss": OTHER }));
    assert_eq!(
        presented(&verifier, &by_other).await,
        refused(401, "token_wrong_issuer")
    );

    verifier.reconfigure(&trusting(&[publisher.entry(ISSUER, ""), other.entry(OTHER, "")]));
    wait_for("the other issuer is trusted", &verifier, &by_other, passed()).await;
    assert_eq!(presented(&verifier, &token(&ours)).await, passed());
    assert_eq!(publisher.asked(), 1, "an issuer that did not change is left alone");

    verifier.reconfigure(&trusting(&[other.entry(OTHER, "")]));
    let gone = refused(401, "token_wrong_issuer");
    wait_for("the first is not", &verifier, &token(&ours), gone).await;
    wait_until("its series is gone", TIMEOUT, async || {
        let metrics = verifier.admin("GET", "/metrics").send().await.text();
        !metrics.contains(&format!("issuer=\"{ISSUER}\"")) && metrics.contains(&format!("issuer=\"{OTHER}\""))
    })
    .await;

    // The same issuer at another URL, where nothing answers: its old keys came from a URL that is no longer trusted.
    let down = Publisher::down().await;
    verifier.reconfigure(&trusting(&[down.entry(OTHER, "")]));
    let unknown = refused(503, "issuer_keys_unavailable");
    wait_for("the old keys are gone", &verifier, &by_other, unknown).await;
}
