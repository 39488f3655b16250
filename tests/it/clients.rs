//! Services that introspect and revoke tokens: `/auth/introspect` (RFC 7662), `/auth/revoke` (RFC 7009), and the
//! documents that announce both.

use serde_json::{Value, json};

use crate::support::{Answer, Request, Sidecar, TestSidecar, wait_until};

const CLIENTS: &str = r#"
auth:
  clients:
    - { id: billing, secret: "q7+Zk2/Vw9=tXb4RmYpLd0GhNzJc8aEf+" }
    - { id: wiki, secret: "Tz5kWq8NvR2xJm7LcH4dBg9PsY6fXe3u-K" }
"#;
/// The credentials of `billing`, form-encoded (RFC 6749 section 2.3.1) and as most clients send them.
const ENCODED: &str = "Basic YmlsbGluZzpxNyUyQlprMiUyRlZ3OSUzRHRYYjRSbVlwTGQwR2hOekpjOGFFZiUyQg==";
const PLAIN: &str = "Basic YmlsbGluZzpxNytaazIvVnc5PXRYYjRSbVlwTGQwR2hOekpjOGFFZis=";

fn form(sidecar: &Sidecar, path: &str, body: &str) -> Request {
    sidecar
        .post(path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
}

async fn introspect(sidecar: &Sidecar, token: &str) -> Value {
    let asked = form(sidecar, "/auth/introspect", &format!("token={token}"));
    let answer = asked.header("Authorization", PLAIN).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

async fn revoke(sidecar: &Sidecar, body: &str) -> Answer {
    let asked = form(sidecar, "/auth/revoke", body);
    asked.header("Authorization", PLAIN).send().await
}

async fn events(sidecar: &Sidecar, event: &str) -> Vec<Value> {
    let rows = sidecar
        .database()
        .await
        .query(
            "SELECT to_jsonb(audit_logs) FROM audit_logs WHERE event = $1 ORDER BY at, id",
            &[&event],
        )
        .await
        .unwrap();
    rows.into_iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_live_access_token_is_described_and_a_dead_one_is_only_inactive() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let alice = sidecar.user("alice").await;
    let said = introspect(&sidecar, &alice.access_token).await;
    assert_eq!(
        [
            &said["active"],
            &said["token_type"],
            &said["username"],
            &said["iss"],
            &said["aud"]
        ],
        [
            &json!(true),
            &json!("Bearer"),
            &json!("alice"),
            &json!("http://sidegate.test"),
            &json!(["test"])
        ]
    );
    for claim in ["sub", "exp", "iat", "nbf", "jti", "sid", "roles", "permissions"] {
        assert!(said.get(claim).is_some(), "{claim} is missing in {said}");
    }
    let tampered = format!("{}x", alice.access_token);
    for dead in [tampered.as_str(), "e30.e30.e30", "nonsense", "%00", "a%20b"] {
        assert_eq!(introspect(&sidecar, dead).await, json!({ "active": false }), "{dead}");
    }
    sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert_eq!(
        introspect(&sidecar, &alice.access_token).await,
        json!({ "active": false })
    );
}

#[tokio::test]
async fn a_refresh_token_is_active_until_it_is_used_and_only_this_issuer_accepts_it() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let alice = sidecar.user("alice").await;
    let said = introspect(&sidecar, &alice.refresh_token).await;
    assert_eq!(
        [&said["active"], &said["token_type"], &said["aud"], &said["username"]],
        [
            &json!(true),
            &json!("refresh_token"),
            &json!(["http://sidegate.test"]),
            &json!("alice")
        ]
    );
    let next = sidecar.refresh(&alice.refresh_token).await.json();
    assert_eq!(
        introspect(&sidecar, &alice.refresh_token).await,
        json!({ "active": false })
    );
    let next = next["refresh_token"].as_str().unwrap();
    assert_eq!(introspect(&sidecar, next).await["active"], true);
    sidecar
        .post("/auth/logout")
        .json(&json!({ "refresh_token": next }))
        .send()
        .await;
    assert_eq!(introspect(&sidecar, next).await, json!({ "active": false }));
}

#[tokio::test]
async fn a_client_authenticates_in_the_header_or_in_the_body_and_not_in_both() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let ask = |body: &str| form(&sidecar, "/auth/introspect", body);
    for header in [ENCODED, PLAIN] {
        assert_eq!(
            ask("token=x").header("Authorization", header).send().await.status(),
            200
        );
    }
    let in_body = "client_id=wiki&client_secret=Tz5kWq8NvR2xJm7LcH4dBg9PsY6fXe3u-K&token=x";
    assert_eq!(ask(in_body).send().await.status(), 200);
    let both = ask(in_body).header("Authorization", PLAIN).send().await;
    assert_eq!((both.status(), both.code().as_str()), (400, "invalid_request"));
    assert_eq!(both.json()["error"], "invalid_request");
    let crossed = ask("client_id=billing&client_secret=Tz5kWq8NvR2xJm7LcH4dBg9PsY6fXe3u-K&token=x")
        .send()
        .await;
    assert_eq!(crossed.status(), 401);
}

#[tokio::test]
async fn a_failed_client_authentication_reveals_nothing_and_is_audited() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let alice = sidecar.user("alice").await;
    let body = format!("token={}", alice.access_token);
    for path in ["/auth/introspect", "/auth/revoke"] {
        let anonymous = form(&sidecar, path, &body).send().await;
        let person = form(&sidecar, path, &body).bearer(&alice.access_token).send().await;
        // billing:wrong and nobody:wrong
        let wrong = form(&sidecar, path, &body)
            .header("Authorization", "Basic YmlsbGluZzp3cm9uZw==")
            .send()
            .await;
        let unknown = form(&sidecar, path, &body)
            .header("Authorization", "Basic bm9ib2R5Ondyb25n")
            .send()
            .await;
        for answer in [anonymous, person, wrong, unknown] {
            assert_eq!((answer.status(), answer.code().as_str()), (401, "invalid_client"));
            assert_eq!(answer.json()["error"], "invalid_client");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
        }
    }
    assert_eq!(
        sidecar.get("/app").bearer(&alice.access_token).send().await.status(),
        200
    );
    let events = events(&sidecar, "client_refused").await;
    let reasons: Vec<_> = events
        .iter()
        .map(|event| event["data"]["reason"].as_str().unwrap())
        .collect();
    let each = ["no_credentials", "no_credentials", "wrong_secret", "unknown_client"];
    assert_eq!(reasons, [each, each].concat());
    assert_eq!(events[2]["data"]["client"], "billing");
    assert!(
        !format!("{events:?}").contains("nobody"),
        "it may be a secret in the wrong place"
    );
}

#[tokio::test]
async fn guesses_at_a_client_are_limited_and_a_client_is_not() {
    let sidecar = TestSidecar::new()
        .config(CLIENTS)
        .config("auth: { login_limit: { per_ip: 3, per_account: 1000 } }")
        .start()
        .await;
    let guess = async || form(&sidecar, "/auth/introspect", "token=x").send().await;
    for _ in 0..3 {
        assert_eq!(guess().await.status(), 401);
    }
    let refused = guess().await;
    assert_eq!((refused.status(), refused.code().as_str()), (429, "rate_limited"));
    assert!(refused.header("retry-after").is_some());
    for _ in 0..5 {
        introspect(&sidecar, "x").await;
    }
    assert_eq!(
        events(&sidecar, "client_refused").await.len(),
        3,
        "nobody fills the log"
    );
}

#[tokio::test]
async fn without_clients_both_endpoints_refuse_everybody() {
    let sidecar = TestSidecar::new().start().await;
    for path in ["/auth/introspect", "/auth/revoke"] {
        for credentials in ["client_id=&client_secret=", "client_id=billing&client_secret=x", ""] {
            let answer = form(&sidecar, path, &format!("token=x&{credentials}")).send().await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (401, "invalid_client"),
                "{credentials}"
            );
        }
    }
}

#[tokio::test]
async fn the_body_is_a_form_with_each_parameter_once() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let as_json = sidecar.post("/auth/introspect").json(&json!({ "token": "x" }));
    let refused = as_json.header("Authorization", PLAIN).send().await;
    assert_eq!(
        (refused.status(), refused.code().as_str()),
        (415, "unsupported_media_type")
    );
    assert_eq!(refused.header("accept"), Some("application/x-www-form-urlencoded"));
    for body in ["", "token=", "token=a&token=b", "token_type_hint=access_token"] {
        let answer = revoke(&sidecar, body).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (400, "invalid_request"),
            "{body}"
        );
    }
    assert_eq!(
        revoke(&sidecar, "token=x&colour=blue&token_type_hint=colour")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_revoked_access_token_is_refused_everywhere_and_its_session_goes_on() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let other = TestSidecar::beside(&sidecar).start().await;
    let alice = sidecar.user("alice").await;
    let body = format!("token={}&token_type_hint=refresh_token", alice.access_token);
    for _ in 0..2 {
        let answer = revoke(&sidecar, &body).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, ""));
    }
    let refused = sidecar.get("/app").bearer(&alice.access_token).send().await;
    assert_eq!((refused.status(), refused.code().as_str()), (401, "revoked"));
    wait_until(
        "the other instance has heard",
        std::time::Duration::from_secs(5),
        async || other.get("/app").bearer(&alice.access_token).send().await.status() == 401,
    )
    .await;
    let next = sidecar.refresh(&alice.refresh_token).await;
    assert_eq!(next.status(), 200);
    let next = next.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(sidecar.get("/app").bearer(&next).send().await.status(), 200);
    let events = events(&sidecar, "token_revoked").await;
    assert_eq!(events.len(), 1, "what is revoked already is not revoked again");
    assert_eq!(events[0]["data"]["client"], "billing");
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_session_and_no_other() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let laptop = sidecar.user("alice").await;
    let phone = sidecar.login("alice@example.com").await;
    let answer = revoke(
        &sidecar,
        &format!("token={}&token_type_hint=access_token", laptop.refresh_token),
    )
    .await;
    assert_eq!(answer.status(), 200);
    let refused = sidecar.get("/app").bearer(&laptop.access_token).send().await;
    assert_eq!((refused.status(), refused.code().as_str()), (401, "revoked"));
    assert_eq!(sidecar.refresh(&laptop.refresh_token).await.code(), "refresh_revoked");
    assert_eq!(
        sidecar.get("/app").bearer(&phone.access_token).send().await.status(),
        200
    );
    assert_eq!(revoke(&sidecar, "token=sgr_unknown").await.status(), 200);
}

#[tokio::test]
async fn a_revoked_access_token_stays_revoked_when_redis_loses_everything() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let alice = sidecar.user("alice").await;
    assert_eq!(
        revoke(&sidecar, &format!("token={}", alice.access_token))
            .await
            .status(),
        200
    );
    let (mut redis, _) = sidecar.redis().await;
    let _: () = ::redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    // An instance that has not seen the request: it gets the revocation from PostgreSQL and the feed.
    let newcomer = TestSidecar::beside(&sidecar).start().await;
    wait_until("the newcomer knows", std::time::Duration::from_secs(10), async || {
        let answer = newcomer.get("/app").bearer(&alice.access_token).send().await;
        assert_ne!(answer.status(), 200, "a revoked token was accepted");
        answer.status() == 401 && answer.code() == "revoked"
    })
    .await;
}

#[tokio::test]
async fn without_postgresql_access_tokens_are_still_described_and_nothing_pretends_to_be_revoked() {
    let sidecar = TestSidecar::new().config(CLIENTS).with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.postgres_network().cut();
    assert_eq!(introspect(&sidecar, &alice.access_token).await["active"], true);
    let refresh = form(&sidecar, "/auth/introspect", &format!("token={}", alice.refresh_token));
    assert_eq!(
        refresh.header("Authorization", PLAIN).send().await.code(),
        "unavailable"
    );
    let answer = revoke(&sidecar, &format!("token={}", alice.access_token)).await;
    assert_eq!((answer.status(), answer.code().as_str()), (503, "unavailable"));
    assert_eq!(
        sidecar.get("/app").bearer(&alice.access_token).send().await.status(),
        200
    );
    let anonymous = form(&sidecar, "/auth/introspect", "token=x").send().await;
    assert_eq!(anonymous.code(), "invalid_client");
}

#[tokio::test]
async fn the_metadata_names_what_there_is_and_no_more() {
    let sidecar = TestSidecar::new().config(CLIENTS).route("/**", "public").start().await;
    let answer = sidecar.get("/.well-known/oauth-authorization-server").send().await;
    assert!(!answer.reached_upstream() && answer.header("cache-control").unwrap().contains("max-age="));
    let here = format!("http://127.0.0.1:{}", sidecar.port());
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(
        answer.json(),
        json!({
            "issuer": "http://sidegate.test",
            "jwks_uri": format!("{here}/.well-known/jwks.json"),
            "response_types_supported": [],
            "grant_types_supported": [],
            "introspection_endpoint": format!("{here}/auth/introspect"),
            "introspection_endpoint_auth_methods_supported": methods,
            "revocation_endpoint": format!("{here}/auth/revoke"),
            "revocation_endpoint_auth_methods_supported": methods,
        })
    );
    let without = TestSidecar::new().start().await;
    let answer = without
        .get("/.well-known/oauth-authorization-server")
        .send()
        .await
        .json();
    assert!(answer.get("introspection_endpoint").is_none());
}

#[tokio::test]
async fn a_password_manager_finds_where_passwords_are_changed() {
    let sidecar = TestSidecar::new()
        .config("auth: { change_password_url: /account/password }")
        .start()
        .await;
    let answer = sidecar.get("/.well-known/change-password").send().await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (302, Some("/account/password"))
    );
    let without = TestSidecar::new().route("/**", "public").start().await;
    let answer = without.get("/.well-known/change-password").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (404, "not_found"));
}
