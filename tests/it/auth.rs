//! The `/auth` API as a client meets it: the real binary, over HTTP.

use serde_json::json;

use crate::support::{Answer, TestSidecar};

fn refused(answer: &Answer) -> (u16, String) {
    (
        answer.status(),
        answer.json()["code"].as_str().unwrap_or_default().to_owned(),
    )
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_registered_user_signs_in_and_is_identified() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let me = sidecar.get("/auth/me").bearer(&alice.access_token).send().await;
    assert_eq!((me.status(), &me.json()["email"]), (200, &json!("alice@example.com")));
    assert_eq!(me.header("cache-control"), Some("no-store"));
    let who = sidecar
        .get("/auth/whoami")
        .bearer(&alice.access_token)
        .send()
        .await
        .json();
    assert_eq!(
        (&who["claims"]["preferred_username"], &who["client_ip"]),
        (&json!("alice"), &json!("127.0.0.1"))
    );
    let anonymous = sidecar.get("/auth/whoami").send().await.json();
    assert!(anonymous.get("claims").is_none());
}

#[tokio::test]
async fn after_a_logout_the_next_request_is_refused_and_a_second_logout_is_fine() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    assert_eq!(
        sidecar.get("/app").bearer(&alice.access_token).send().await.status(),
        200
    );
    for _ in 0..2 {
        let logout = sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
        assert_eq!(logout.status(), 204, "{}", logout.text());
    }
    assert_eq!(
        refused(&sidecar.get("/app").bearer(&alice.access_token).send().await),
        is(401, "revoked")
    );
    assert_eq!(
        refused(&sidecar.get("/auth/me").bearer(&alice.access_token).send().await),
        is(401, "revoked")
    );
    assert_eq!(
        refused(&sidecar.refresh(&alice.refresh_token).await),
        is(401, "refresh_revoked")
    );
}

#[tokio::test]
async fn a_refresh_token_alone_can_sign_out_everywhere() {
    let sidecar = TestSidecar::new().start().await;
    let laptop = sidecar.user("alice").await;
    let phone = sidecar.login("alice@example.com").await;
    let body = json!({ "scope": "all", "refresh_token": laptop.refresh_token });
    assert_eq!(sidecar.post("/auth/logout").json(&body).send().await.status(), 204);
    assert_eq!(
        refused(&sidecar.get("/app").bearer(&phone.access_token).send().await),
        is(401, "revoked")
    );
    let again = sidecar.login("alice@example.com").await;
    assert_eq!(
        sidecar.get("/app").bearer(&again.access_token).send().await.status(),
        200
    );
}

#[tokio::test]
async fn a_reused_refresh_token_ends_the_session_at_the_gate_too() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let second = sidecar.refresh(&alice.refresh_token).await.json();
    let third = sidecar.refresh(second["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(
        refused(&sidecar.refresh(&alice.refresh_token).await),
        is(401, "refresh_reused")
    );
    let token = third["access_token"].as_str().unwrap();
    assert_eq!(
        refused(&sidecar.get("/app").bearer(token).send().await),
        is(401, "revoked")
    );
    assert!(sidecar.metric("sidegate_refresh_reuse_detected_total", &[]).await >= 1.0);
}

#[tokio::test]
async fn without_redis_people_sign_in_refresh_and_sign_out() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.redis_network().cut();
    let first = sidecar.refresh(&alice.refresh_token).await;
    assert_eq!(
        (first.status(), first.text()),
        (200, sidecar.refresh(&alice.refresh_token).await.text())
    );
    let alice = sidecar.login("alice@example.com").await;
    assert_eq!(
        sidecar
            .post("/auth/logout")
            .bearer(&alice.access_token)
            .send()
            .await
            .status(),
        204
    );
    assert_eq!(
        refused(&sidecar.refresh(&alice.refresh_token).await),
        is(401, "refresh_revoked")
    );
}

#[tokio::test]
async fn without_postgresql_auth_says_so_within_its_deadline_and_keys_are_still_served() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.postgres_network().cut();
    let login = sidecar
        .try_login("alice@example.com", "quarrel-lantern-71-osprey")
        .await;
    assert_eq!(refused(&login), is(503, "unavailable"));
    assert!(login.header("retry-after").is_some());
    assert_eq!(sidecar.get("/.well-known/jwks.json").send().await.status(), 200);
    assert_eq!(
        sidecar.get("/app").bearer(&alice.access_token).send().await.status(),
        200
    );
}

#[tokio::test]
async fn a_rotation_of_keys_costs_no_token_in_flight() {
    let sidecar = TestSidecar::new().start().await;
    let before = sidecar.user("alice").await;
    let rotated = sidecar.command(&["keys", "rotate"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let after = sidecar.login("alice@example.com").await;
    for token in [&before.access_token, &after.access_token] {
        assert_eq!(sidecar.get("/app").bearer(token).send().await.status(), 200);
    }
}

#[tokio::test]
async fn a_malformed_request_is_refused_with_the_name_of_the_field() {
    let sidecar = TestSidecar::new().start().await;
    let login = |body: serde_json::Value| sidecar.post("/auth/login").json(&body);
    let unknown = login(json!({ "email": "a@b.c", "password": "x", "remember": true }))
        .send()
        .await;
    assert_eq!(refused(&unknown), is(422, "validation_failed"));
    assert_eq!(unknown.json()["errors"][0]["field"], "remember");
    assert_eq!(
        refused(&login(json!({ "email": "a@b.c", "password": "x" })).send().await),
        is(401, "bad_credentials")
    );
    let large = login(json!({ "email": "a@b.c", "password": "x".repeat(70_000) }))
        .send()
        .await;
    assert_eq!(large.status(), 413);
    assert_eq!(
        refused(&sidecar.post("/auth/login").send().await),
        is(415, "unsupported_media_type")
    );
    assert_eq!(
        refused(&sidecar.get("/auth/login").send().await),
        is(405, "method_not_allowed")
    );
    assert_eq!(
        refused(&sidecar.get("/auth/nothing").send().await),
        is(404, "not_found")
    );
    assert_eq!(
        refused(&sidecar.get("/auth/me").send().await),
        is(401, "credentials_missing")
    );
}

#[tokio::test]
async fn a_wrong_media_type_is_refused_with_the_right_one() {
    let sidecar = TestSidecar::new().start().await;
    for sent in ["text/plain", "application/json; charset=latin1"] {
        let request = sidecar.post("/auth/login").header("Content-Type", sent).body("{}");
        let answer = request.send().await;
        assert_eq!(refused(&answer), is(415, "unsupported_media_type"), "{sent}");
        assert_eq!(answer.header("accept"), Some("application/json"), "{sent}");
        let detail = "expected a body of the type application/json, in UTF-8 and not compressed";
        assert_eq!(answer.json()["detail"], detail, "{sent}");
    }
}

#[tokio::test]
async fn no_response_is_taken_for_another_media_type() {
    let sidecar = TestSidecar::new().start().await;
    for path in [
        "/auth/whoami",
        "/auth/me",
        "/auth/openapi.json",
        "/.well-known/sidegate/jwks.json",
        "/x",
    ] {
        let answer = sidecar.get(path).send().await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}
