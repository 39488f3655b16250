//! The responses of refusals, which keep the connection open.

use serde_json::json;

use crate::support::{TestIssuer, TestSidecar, now};

const LIMITED: &str = "{ id: few, match: { path: /few/** }, upstream: app, access: public, rate_limits: [few] }";

#[tokio::test]
async fn a_refusal_is_a_problem_with_a_code_and_a_challenge() {
    let sidecar = TestSidecar::new().start().await;
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (401, "credentials_missing"));
    let problem = answer.json();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sidegate\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_request_that_no_route_matches_is_not_found() {
    let sidecar = TestSidecar::new().route("/only/**", "public").start().await;
    let answer = sidecar.get("/other").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (404, "route_not_found"));
}

#[tokio::test]
async fn a_policy_that_does_not_allow_is_forbidden() {
    let policies = "policies: { admins: [{ allow: { role: admin } }] }";
    let sidecar = TestSidecar::new().config(policies).route("/**", "admins").start().await;
    let alice = sidecar.user("alice").await;
    let answer = sidecar.get("/x").bearer(&alice.access_token).send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (403, "policy_denied"));
}

#[tokio::test]
async fn a_caller_without_a_recent_second_factor_is_told_the_maximum_age() {
    let issuer = TestIssuer::new();
    let sidecar = TestSidecar::new()
        .config(&issuer.config())
        .config(
            "policies: { pay: [{ deny: { role: guest } }, { allow: { all: [{ role: reader }, { mfa: true, max_age: 15m }] } }], \
             any: [{ allow: { mfa: true } }] }",
        )
        .route("/pay", "pay")
        .route("/any", "any")
        .start()
        .await;
    let ask = async |path: &str, claims: serde_json::Value| {
        let token = issuer.token(&json!({}), &claims);
        sidecar.get(path).bearer(&token).send().await
    };
    let now = now();
    let fresh = json!({ "amr": ["pwd", "otp", "mfa"], "auth_time": now - 60 });
    assert_eq!(ask("/pay", fresh.clone()).await.status(), 200);
    let old = json!({ "amr": ["pwd", "otp", "mfa"], "auth_time": now - 3600 });
    assert_eq!(ask("/any", old.clone()).await.status(), 200);
    let without = json!({ "amr": ["pwd"], "auth_time": now - 60 });
    let undated = json!({ "amr": ["pwd", "mfa"] });
    for (path, claims, max_age) in [
        ("/pay", old, ", max_age=900"),
        ("/pay", without.clone(), ", max_age=900"),
        ("/pay", undated, ", max_age=900"),
        ("/any", without, ""),
    ] {
        let answer = ask(path, claims.clone()).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (401, "step_up_required"),
            "{claims}"
        );
        // RFC 9470 section 3.
        let challenge = format!(
            "Bearer realm=\"sidegate\", error=\"insufficient_user_authentication\", acr_values=\"mfa\"{max_age}"
        );
        assert_eq!(answer.header("www-authenticate"), Some(&*challenge));
    }
    // A second factor does not help a caller who is denied in any case.
    for claims in [json!({ "roles": ["guest"] }), json!({ "roles": ["other"] })] {
        let answer = ask("/pay", claims).await;
        assert_eq!((answer.status(), answer.code().as_str()), (403, "policy_denied"));
    }
}

#[tokio::test]
async fn a_browser_that_navigates_sees_a_page_and_a_script_sees_json() {
    let sidecar = TestSidecar::new().start().await;
    let page = sidecar.get("/x").header("Sec-Fetch-Mode", "navigate").send().await;
    assert_eq!(page.status(), 401);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("credentials_missing"), "{}", page.text());
    let script = sidecar
        .get("/x")
        .header("Sec-Fetch-Mode", "cors")
        .header("Accept", "text/html");
    assert_eq!(script.send().await.code(), "credentials_missing");
}

#[tokio::test]
async fn a_browser_that_navigates_is_sent_to_the_login_page_and_knows_the_way_back() {
    let route = "{ id: app, match: { path: /** }, upstream: app, access: authenticated, unauthenticated: login }";
    let login = "auth: { login_url: /login }";
    let sidecar = TestSidecar::new().route_yaml(route).config(login).start().await;
    let navigate = sidecar
        .get("/a?b=c&d=/%41")
        .header("Sec-Fetch-Mode", "navigate")
        .host("evil.test");
    let answer = navigate.send().await;
    assert_eq!(answer.status(), 303);
    assert_eq!(
        answer.header("location"),
        Some("/login?return_to=/a%3Fb%3Dc%26d%3D/%2541")
    );
    assert_eq!(sidecar.get("/a").send().await.status(), 401, "not for programs");
}

#[tokio::test]
async fn a_connection_survives_a_refusal() {
    let sidecar = TestSidecar::new().start().await;
    let token = sidecar.user("alice").await.access_token;
    let mut connection = sidecar.connect().await;
    for _ in 0..3 {
        connection.send(&sidecar.get("/x").to_bytes()).await;
        assert_eq!(connection.answer(false).await.unwrap().status(), 401);
        connection.send(&sidecar.request("HEAD", "/x").to_bytes()).await;
        assert_eq!(connection.answer(true).await.unwrap().status(), 401);
        connection.send(&sidecar.get("/%2e").to_bytes()).await;
        assert_eq!(connection.answer(false).await.unwrap().status(), 400);
        connection.send(&sidecar.get("/x").bearer(&token).to_bytes()).await;
        assert_eq!(connection.answer(false).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_rate_limited_client_gets_the_limit_and_the_time_to_wait() {
    let limit = "rate_limits: { few: { key: ip, limit: 2/1m } }";
    let sidecar = TestSidecar::new().config(limit).route_yaml(LIMITED).start().await;
    for left in [1, 0] {
        let answer = sidecar.get("/few/x").send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("ratelimit-policy"), Some(r#""few";q=2;w=60"#));
        let state = answer.header("ratelimit").unwrap();
        assert!(state.starts_with(&format!(r#""few";r={left};t="#)), "{state}");
    }
    let answer = sidecar.get("/few/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (429, "rate_limited"));
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit-policy"), Some(r#""few";q=2;w=60"#));
    assert_eq!(sidecar.upstream().seen().len(), 2);
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_refused_announced_or_not() {
    let route = "{ id: small, match: { path: /** }, upstream: app, access: public, body_bytes: 1KiB }";
    let sidecar = TestSidecar::new().route_yaml(route).start().await;
    assert_eq!(
        sidecar
            .post("/x")
            .body(vec![b'a'; 1024])
            .send()
            .await
            .upstream_saw()
            .body
            .len(),
        1024
    );

    let announced = sidecar.post("/x").body(vec![b'a'; 1025]).send().await;
    assert_eq!((announced.status(), announced.code().as_str()), (413, "body_too_large"));

    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let fits = sidecar.raw(format!("{head}{chunk}0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(fits.upstream_saw().body.len(), 1024);
    let chunked = sidecar
        .raw(format!("{head}{chunk}1\r\na\r\n0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!((chunked.status(), chunked.code().as_str()), (413, "body_too_large"));
}
