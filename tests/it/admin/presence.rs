//! Presence and "last seen".

use std::time::Duration;

use serde_json::{Value, json};

use super::{call, get, id, operator, refusal, said};
use crate::support::claims;
use crate::support::{AUDIENCE, ISSUER, Sidecar, TestSidecar, wait_until};

/// A flush comes every two seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

async fn online(sidecar: &Sidecar, by: &crate::support::User) -> Vec<String> {
    let presence = get(sidecar, by, "/presence").await;
    let users = presence["users"].as_array().unwrap().iter();
    let names = users.filter_map(|user| user["username"].as_str()).map(str::to_owned);
    let mut names = names.collect::<Vec<_>>();
    names.sort();
    names
}

async fn sessions(sidecar: &Sidecar, token: &str) -> Vec<Value> {
    let answer = sidecar.get("/auth/sessions").bearer(token).send().await;
    answer.json()["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_user_of_the_application_is_online_until_they_sign_out() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    sidecar.user("bob").await;
    sidecar.get("/x").bearer(&alice.access_token).send().await;
    wait_until("alice and the administrator are online", TIMEOUT, async || {
        online(&sidecar, &admin).await == ["admin", "alice"]
    })
    .await;
    assert_eq!(get(&sidecar, &admin, "/stats").await["online"], 2);
    let answer = sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert_eq!(answer.status(), 204);
    assert_eq!(
        online(&sidecar, &admin).await,
        ["admin"],
        "bob was never seen, alice has left"
    );
}

#[tokio::test]
async fn a_session_is_shown_with_what_was_seen_of_it_last() {
    let sidecar = TestSidecar::new()
        .config("server: { trusted_proxies: [127.0.0.1/32] }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let other = sidecar.login(&alice.email).await;
    let sid = claims(&alice.access_token)["sid"].clone();
    let seen = async || {
        let all = sessions(&sidecar, &other.access_token).await;
        all.into_iter().find(|session| session["id"] == sid).unwrap()
    };
    let before = seen().await;
    sidecar
        .get("/x")
        .bearer(&alice.access_token)
        .header("X-Forwarded-For", "192.0.2.77")
        .header("User-Agent", "Lynx/2.8")
        .send()
        .await;
    wait_until("the session was seen from elsewhere", TIMEOUT, async || {
        seen().await["client_ip"] == "192.0.2.77"
    })
    .await;
    let after = seen().await;
    assert_eq!(after["user_agent"], "Lynx/2.8");
    assert!(
        after["last_seen_at"].as_str() > before["last_seen_at"].as_str(),
        "{before} {after}"
    );
    assert_eq!(after["created_at"], before["created_at"]);
}

#[tokio::test]
async fn what_was_seen_of_a_session_goes_with_it_and_everything_has_a_ttl() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let sid = claims(&alice.access_token)["sid"].as_str().unwrap().to_owned();
    let (mut redis, namespace) = sidecar.redis().await;
    let keys = [
        format!("{namespace}:session:{sid}"),
        format!("{namespace}:sessions:{}", id(&alice)),
        format!("{namespace}:presence"),
    ];
    sidecar.get("/x").bearer(&alice.access_token).send().await;
    for key in &keys {
        wait_until("the key is there and will go", TIMEOUT, async || {
            redis::cmd("PTTL")
                .arg(key)
                .query_async::<i64>(&mut redis)
                .await
                .unwrap()
                > 0
        })
        .await;
    }
    sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    for key in &keys {
        let there: bool = redis::cmd("EXISTS").arg(key).query_async(&mut redis).await.unwrap();
        assert!(!there, "{key}");
    }
}

#[tokio::test]
async fn a_verifier_records_activity_too() {
    let issuer = TestSidecar::new().start().await;
    let admin = operator(&issuer, "admin", &["sidegate:admin"]).await;
    let alice = issuer.user("alice").await;
    let verifier = TestSidecar::beside(&issuer)
        .config(&format!(
            "{{ auth: null, store: {{ postgres: null }}, issuers: [{{ issuer: \"{ISSUER}\", jwks_url: \"{}/.well-known/jwks.json\", audience: [{AUDIENCE}] }}] }}",
            issuer.url()
        ))
        .start()
        .await;
    wait_until("alice is online by a request to the verifier", TIMEOUT, async || {
        verifier.get("/x").bearer(&alice.access_token).send().await;
        online(&issuer, &admin).await == ["admin", "alice"]
    })
    .await;
}

#[tokio::test]
async fn without_redis_presence_is_unknown_and_the_other_numbers_are_returned() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let admin = operator(&sidecar, "root", &["sidegate:admin"]).await;
    sidecar.redis_network().cut();
    let answer = call(&sidecar, &admin, "GET", "/presence", None).await;
    assert_eq!(said(&answer), refusal(503, "unavailable"));
    let stats = get(&sidecar, &admin, "/stats").await;
    assert_eq!((&stats["users"], &stats["online"]), (&json!(1), &Value::Null));
}
