//! The main path, end to end: sign in, pass the gate, be identified to the application, sign out.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Sidecar, TestSidecar, User, wait_until};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A request of a signed-in user.
async fn visit(sidecar: &Sidecar, user: &User) -> Answer {
    sidecar.get("/x").bearer(&user.access_token).send().await
}

#[tokio::test]
async fn a_request_without_a_token_is_refused_and_reaches_nobody() {
    let sidecar = TestSidecar::new().start().await;
    let answer = sidecar.get("/api").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (401, "credentials_missing"));
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn the_application_learns_who_is_calling_and_never_sees_the_token() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let me = sidecar.get("/auth/me").bearer(&alice.access_token).send().await.json();
    let seen = sidecar
        .get("/api?q=1")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert_eq!(seen.target(), "/api?q=1");
    assert_eq!(seen.header("x-forwarded-user"), me["id"].as_str());
    assert_eq!(seen.header("x-forwarded-preferred-username"), Some("alice"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_name_can_be_claimed_in_no_spelling() {
    let sidecar = TestSidecar::new()
        .route("/public/**", "public")
        .route("/**", "authenticated")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    for name in [
        "X-Forwarded-User",
        "x-forwarded-user",
        "X_Forwarded_User",
        "X.Forwarded-User",
    ] {
        let forged = |path| sidecar.get(path).header(name, "root");
        let public = forged("/public/x").send().await.upstream_saw();
        assert_eq!(public.header_family("x-forwarded-user"), [""; 0], "{name}");
        let known = forged("/x").bearer(&alice.access_token).send().await.upstream_saw();
        assert_eq!(known.header_family("x-forwarded-user").len(), 1, "{name}");
        assert_ne!(known.header_family("x-forwarded-user"), ["root"], "{name}");
    }
}

#[tokio::test]
async fn after_logout_the_next_request_is_refused_on_every_instance() {
    let one = TestSidecar::new().start().await;
    let other = TestSidecar::beside(&one).start().await;
    let alice = one.user("alice").await;
    assert_eq!(visit(&other, &alice).await.status(), 200);

    let logout = one
        .post("/auth/logout")
        .bearer(&alice.access_token)
        .json(&json!({}))
        .send()
        .await;
    assert_eq!(logout.status(), 204);
    let refused = visit(&one, &alice).await;
    assert_eq!((refused.status(), refused.code().as_str()), (401, "revoked"));
    wait_until("the other instance knows", TIMEOUT, async || {
        visit(&other, &alice).await.status() == 401
    })
    .await;
}

#[tokio::test]
async fn a_token_outlives_a_crash_of_the_sidecar() {
    let mut sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.restart().await;
    assert_eq!(visit(&sidecar, &alice).await.status(), 200);
}

#[tokio::test]
async fn a_frozen_redis_delays_a_request_by_its_budget_and_not_more() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.redis_network().freeze();
    let request = sidecar.get("/x").bearer(&alice.access_token).send();
    let answer = tokio::time::timeout(Duration::from_secs(2), request).await;
    assert!(answer.is_ok(), "an answer, be it a refusal, within two seconds");
}

#[tokio::test]
async fn a_login_without_postgres_is_refused_in_time_and_works_again_after() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.postgres_network().cut();
    let refused = sidecar.try_login(&alice.email, "whatever it is").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(visit(&sidecar, &alice).await.status(), 200, "proxied traffic goes on");
    sidecar.postgres_network().heal();
    wait_until("the next login", TIMEOUT, async || {
        sidecar.try_login(&alice.email, PASSWORD).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_reload_changes_the_rules_and_a_broken_file_changes_nothing() {
    let mut sidecar = TestSidecar::new().start().await;
    assert_eq!(sidecar.get("/x").send().await.status(), 401);
    sidecar.reconfigure("routes: [{ id: all, match: { path: '/**' }, upstream: app, access: public }]");
    wait_until("the route is public", TIMEOUT, async || {
        sidecar.get("/x").send().await.status() == 200
    })
    .await;

    sidecar.reconfigure("routes: [{ id: all, match: { path: '/**' }, upstream: nowhere, access: authenticated }]");
    wait_until("the mistake is noticed", TIMEOUT, async || {
        sidecar.metric("sidegate_config_last_reload_successful", &[]).await < 0.5
    })
    .await;
    assert_eq!(sidecar.get("/x").send().await.status(), 200);
    assert!(
        sidecar.logs().contains("nowhere"),
        "the log names the mistake: {}",
        sidecar.logs()
    );
}

#[tokio::test]
async fn a_sidecar_ends_on_sigterm() {
    let mut sidecar = TestSidecar::new().start().await;
    assert!(sidecar.stop().await.success());
}

#[tokio::test]
async fn a_sidecar_with_a_mistake_in_its_file_does_not_start_and_names_it() {
    let mut sidecar = TestSidecar::new()
        .config("auth: { pasword: { cost: 4 } }")
        .spawn()
        .await;
    assert_eq!(sidecar.exit().await.code(), Some(64));
    assert!(sidecar.logs().contains("auth.pasword"), "{}", sidecar.logs());
}

#[tokio::test]
async fn a_command_works_on_the_configuration_of_a_running_sidecar() {
    let sidecar = TestSidecar::new().env("RUST_BACKTRACE", "1").start().await;
    let output = sidecar.command(&["check"]);
    assert!(output.status.success(), "{output:?}");
    sidecar.signal(Signal::TERM);
}

#[tokio::test]
async fn a_header_named_in_connection_still_reaches_the_application() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let request = sidecar
        .get("/x")
        .bearer(&alice.access_token)
        .header("Connection", "X-Forwarded-User");
    assert_eq!(
        request
            .send()
            .await
            .upstream_saw()
            .header_family("x-forwarded-user")
            .len(),
        1
    );
}

#[tokio::test]
async fn two_authorization_headers_are_one_too_many() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let twice = sidecar
        .get("/x")
        .bearer(&alice.access_token)
        .bearer(&alice.access_token)
        .send()
        .await;
    assert_eq!((twice.status(), twice.code().as_str()), (400, "credentials_ambiguous"));
}

#[tokio::test]
async fn what_is_public_ends_at_the_slash_and_no_spelling_leads_out_of_it() {
    let sidecar = TestSidecar::new()
        .route("/public/**", "public")
        .route("/**", "authenticated")
        .start()
        .await;
    assert_eq!(sidecar.get("/public/page").send().await.status(), 200);
    assert_eq!(sidecar.get("/publicity").send().await.status(), 401);
    for way_out in [
        "/public/../x",
        "/public/%2e%2e/x",
        "/public/..%2fx",
        "/public/./x",
        "/public//x",
        "/public\\..\\x",
    ] {
        assert_eq!(sidecar.get(way_out).send().await.status(), 400, "{way_out}");
    }
    let seen: Vec<String> = sidecar
        .upstream()
        .seen()
        .iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert_eq!(seen, ["/public/page"]);
}

#[tokio::test]
async fn a_target_without_a_slash_is_refused_as_it_comes() {
    let sidecar = TestSidecar::new().route("/", "public").start().await;
    let answer = sidecar.raw(b"GET admin HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_refusal_keeps_the_connection_for_the_next_request() {
    let sidecar = TestSidecar::new().start().await;
    let mut connection = sidecar.connect().await;
    for _ in 0..3 {
        connection.send(&sidecar.get("/x").to_bytes()).await;
        assert_eq!(connection.answer(false).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn a_route_is_for_its_host() {
    let wiki = "{ id: wiki, match: { host: wiki.test, path: '/**' }, upstream: app, access: public }";
    let sidecar = TestSidecar::new().route_yaml(wiki).start().await;
    assert_eq!(sidecar.get("/x").host("WIKI.test:8080").send().await.status(), 200);
    assert_eq!(sidecar.get("/x").host("other.test").send().await.status(), 404);
}

#[tokio::test]
async fn a_refresh_replaces_both_tokens_and_ends_with_the_session() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let refreshed = sidecar.refresh(&alice.refresh_token).await;
    assert_eq!(refreshed.status(), 200);
    let next = refreshed.json();
    assert_ne!(next["refresh_token"], alice.refresh_token.as_str());

    let sessions = sidecar
        .get("/auth/sessions")
        .bearer(&alice.access_token)
        .send()
        .await
        .json();
    let session = sessions.pointer("/sessions/0/id").or_else(|| sessions.pointer("/0/id"));
    let session = session
        .unwrap_or_else(|| panic!("no session in {sessions}"))
        .as_str()
        .unwrap();
    let removed = sidecar
        .delete(&format!("/auth/sessions/{session}"))
        .bearer(&alice.access_token)
        .send()
        .await;
    assert_eq!(removed.status(), 204, "{}", removed.text());
    assert_eq!(
        sidecar.refresh(next["refresh_token"].as_str().unwrap()).await.status(),
        401
    );
}

#[tokio::test]
async fn a_login_is_audited_and_every_key_in_redis_has_the_namespace() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    sidecar
        .post("/auth/logout")
        .bearer(&alice.access_token)
        .json(&json!({}))
        .send()
        .await;
    let count = "SELECT count(*) FROM audit_logs WHERE event LIKE 'login%'";
    assert_eq!(
        sidecar
            .database()
            .await
            .query_one(count, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        1
    );

    let (mut redis, namespace) = sidecar.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    assert!(!keys.is_empty(), "a logout is published");
    let strays: Vec<&String> = keys
        .iter()
        .filter(|key| !key.starts_with(&format!("{namespace}:")))
        .collect();
    assert_eq!(strays, [""; 0]);
}
