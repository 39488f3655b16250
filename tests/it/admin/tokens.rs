//! The effects of a change on issued tokens and on cached copies, on every instance.

use std::time::Duration;

use serde_json::json;

use super::{call, id, operator};
use crate::support::claims;
use crate::support::{Sidecar, TestSidecar, wait_until};

const TIMEOUT: Duration = Duration::from_secs(5);

async fn two() -> (Sidecar, Sidecar) {
    let first = TestSidecar::new().start().await;
    let second = TestSidecar::beside(&first).start().await;
    (first, second)
}

#[tokio::test]
async fn a_change_of_roles_outdates_tokens_on_every_instance_and_a_refresh_brings_the_new_ones() {
    let (first, second) = two().await;
    let admin = operator(&first, "admin", &["sidegate:admin"]).await;
    let (alice, bob) = (first.user("alice").await, first.user("bob").await);
    assert_eq!(second.get("/x").bearer(&alice.access_token).send().await.status(), 200);

    let path = format!("/users/{}", id(&alice));
    let answer = call(
        &first,
        &admin,
        "PATCH",
        &path,
        Some(&json!({"roles": ["staff"], "permissions": ["orders:read"]})),
    )
    .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let here = first.get("/x").bearer(&alice.access_token).send().await;
    assert_eq!(
        (here.status(), here.code()),
        (401, "token_outdated".to_owned()),
        "at once where it was made"
    );
    wait_until("the other instance refuses the old token", TIMEOUT, async || {
        let answer = second.get("/x").bearer(&alice.access_token).send().await;
        answer.text().contains("token_outdated")
    })
    .await;
    assert_eq!(
        second.get("/x").bearer(&bob.access_token).send().await.status(),
        200,
        "others go on"
    );

    let refreshed = second.refresh(&alice.refresh_token).await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    let token = refreshed.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["roles"], json!(["staff"]));
    assert_eq!(claims(&token)["permissions"], json!(["orders:read"]));
    for sidecar in [&first, &second] {
        let seen = sidecar.get("/x").bearer(&token).send().await.upstream_saw();
        assert_eq!(seen.header("x-forwarded-groups"), Some("staff"));
    }
}

#[tokio::test]
async fn an_edit_that_changes_nothing_outdates_nothing() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let path = format!("/users/{}", id(&alice));
    let same = json!({"roles": [], "email": alice.email, "username": "alice"});
    let answer = call(&sidecar, &admin, "PATCH", &path, Some(&same)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(sidecar.get("/x").bearer(&alice.access_token).send().await.status(), 200);
}

#[tokio::test]
async fn a_lock_and_a_deletion_reach_every_instance() {
    let (first, second) = two().await;
    let admin = operator(&first, "admin", &["sidegate:admin"]).await;
    for (name, method, rest) in [("alice", "POST", "/lock"), ("bob", "DELETE", "")] {
        let user = first.user(name).await;
        assert_eq!(second.get("/x").bearer(&user.access_token).send().await.status(), 200);
        let answer = call(&first, &admin, method, &format!("/users/{}{rest}", id(&user)), None).await;
        assert_eq!(answer.status(), 204, "{}", answer.text());
        wait_until("the other instance refuses the token", TIMEOUT, async || {
            let answer = second.get("/x").bearer(&user.access_token).send().await;
            answer.text().contains(r#""code":"revoked""#)
        })
        .await;
        assert_eq!(second.refresh(&user.refresh_token).await.status(), 401);
    }
}

#[tokio::test]
async fn an_administrator_loses_a_removed_permission_at_once() {
    let (first, second) = two().await;
    let admin = operator(&first, "admin", &["sidegate:admin"]).await;
    let reader = operator(&first, "reader", &["sidegate:users:read"]).await;
    assert_eq!(call(&second, &reader, "GET", "/users", None).await.status(), 200);
    let answer = call(
        &first,
        &admin,
        "PATCH",
        &format!("/users/{}", id(&reader)),
        Some(&json!({"permissions": []})),
    )
    .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    wait_until("the other instance refuses the old token", TIMEOUT, async || {
        let answer = call(&second, &reader, "GET", "/users", None).await;
        answer.text().contains("token_outdated")
    })
    .await;
    let token = second.refresh(&reader.refresh_token).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = second.get("/auth/admin/users").bearer(&token).send().await;
    assert_eq!(answer.code(), "permission_denied");
}

async fn name(sidecar: &Sidecar, token: &str) -> serde_json::Value {
    let answer = sidecar.get("/auth/me").bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["profile"]["name"].clone()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a counter is a small whole number"
)]
async fn hits(sidecar: &Sidecar) -> u32 {
    let hits = sidecar
        .metric("sidegate_cache_requests_total", &[("cache", "user"), ("result", "hit")])
        .await;
    hits as u32
}

#[tokio::test]
async fn a_copy_of_an_account_is_read_until_it_changes_on_any_instance() {
    let (first, second) = two().await;
    let alice = first.user("alice").await;
    let token = &alice.access_token;
    let rename = async |sidecar: &Sidecar, name: &str| {
        let body = json!({"profile": {"name": name}});
        let answer = sidecar
            .request("PATCH", "/auth/me")
            .bearer(token)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    rename(&first, "one").await;
    assert_eq!(
        (name(&first, token).await, name(&second, token).await),
        (json!("one"), json!("one"))
    );
    for round in 0..20 {
        let new = format!("round {round}");
        rename(&second, &new).await;
        assert_eq!(
            name(&first, token).await,
            json!(new),
            "a change is visible after its response"
        );
    }
    // After a change nothing is cached for a moment: a reader that read the row before it would cache the old one.
    let (mut redis, namespace) = first.redis().await;
    let key = format!("{namespace}:cache:user:{}", id(&alice));
    let lies_there: String = redis::cmd("GET").arg(&key).query_async(&mut redis).await.unwrap();
    assert_eq!(lies_there, "", "a tombstone");
    let _: i64 = redis::cmd("DEL").arg(&key).query_async(&mut redis).await.unwrap();

    name(&first, token).await;
    let before = hits(&first).await + hits(&second).await;
    name(&first, token).await;
    name(&second, token).await;
    assert_eq!(
        hits(&first).await + hits(&second).await - before,
        2,
        "the copy is everyone's"
    );
    let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    let copy: String = redis::cmd("GET").arg(&key).query_async(&mut redis).await.unwrap();
    assert!(!copy.contains("$2b$"), "no hash leaves PostgreSQL: {copy}");
}

#[tokio::test]
async fn an_account_is_shown_also_while_redis_is_away() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    name(&sidecar, &alice.access_token).await;
    sidecar.redis_network().cut();
    wait_until("the account is shown from PostgreSQL", TIMEOUT, async || {
        sidecar
            .get("/auth/me")
            .bearer(&alice.access_token)
            .send()
            .await
            .status()
            == 200
    })
    .await;
    let sessions = sidecar.get("/auth/sessions").bearer(&alice.access_token).send().await;
    assert_eq!(sessions.status(), 200, "{}", sessions.text());
}
