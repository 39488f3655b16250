//! `sidegate config explain`, which agrees with the gate.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::TestSidecar;

const CONFIG: &str = r#"
version: 1
store: { redis: { url: "redis://127.0.0.1:9" } }
issuers:
  - { issuer: "https://issuer.test", audience: [billing], hs256_secret: d38a5aacbfca14fa8df38088458a2132 }
upstreams: { billing: { servers: ["http://127.0.0.1:9"] } }
rate_limits: { slow: { key: user, limit: 10/1m } }
policies:
  finance:
    - deny: { claim: suspended, equals: true }
    - allow: { all: [{ role: finance }, { ip: 10.0.0.0/8 }] }
identity_headers: { add: { X-Tenant: { claim: tenant } } }
routes:
  - { id: open, match: { path: "/open/**" }, upstream: billing, access: public }
  - id: invoices
    match: { host: ["*.example.com", other.test], path: ["/invoices/**", "/invoices"], methods: [GET, POST] }
    upstream: billing
    access: finance
    rate_limits: [slow]
    strip_prefix: /invoices
  - id: signed
    match: { host: signed.test, path: "/a/**" }
    upstream: billing
    access: authenticated
    strip_prefix: /a
    identity_headers: { assertion: { header: X-Caller, ttl: 10s } }
"#;

fn explain(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sidegate.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    command
        .args(["config", "explain", "--config"])
        .arg(&file)
        .args(arguments);
    command.env_clear().output().unwrap()
}

fn explained(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = explain(&[arguments, &["--output", "json"]].concat());
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), said)
}

const URL: &str = "https://app.example.com:8443/invoices/7?x=1";

#[test]
fn an_allowed_request_is_explained_with_route_rule_and_headers() {
    let claims = r#"{"sub":"alice","roles":["finance"],"tenant":"acme"}"#;
    let (code, said) = explained(&["GET", URL, "--as", claims, "--client-ip", "10.1.2.3"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        said,
        json!({
            "route": "invoices",
            "upstream": "billing",
            "matched": { "host": ["*.example.com"], "path": ["/invoices/**"], "method": ["GET"] },
            "access": "finance",
            "decision": "allowed",
            "rule": { "index": 1, "effect": "allow" },
            "rate_limits": ["slow: 10 in 60 s"],
            "strip_prefix": "/invoices",
            "forward_authorization": false,
            "headers": { "x-forwarded-user": "alice", "x-forwarded-groups": "finance", "x-tenant": "acme" },
        })
    );
}

#[test]
fn a_denied_request_is_explained_with_the_rule_or_that_none_matched() {
    let suspended = r#"{"roles":["finance"],"suspended":true}"#;
    let elsewhere = r#"{"roles":["finance"]}"#;
    for (claims, rule) in [
        (suspended, json!({ "index": 0, "effect": "deny" })),
        (elsewhere, json!("no rule matches: denied")),
    ] {
        let (code, said) = explained(&["GET", URL, "--as", claims]);
        assert_eq!(
            (code, &said["decision"], &said["rule"]),
            (Some(1), &json!("policy_denied"), &rule)
        );
        assert_eq!(said["status"], 403);
        assert_eq!(said["headers"], Value::Null, "nothing is sent");
    }
}

#[test]
fn the_other_refusals_are_those_of_the_gate() {
    let staff = ["--as", r#"{"roles":["finance"]}"#];
    for (request, who, decision) in [
        (["GET", URL], &[][..], "credentials_missing"),
        (["DELETE", URL], &[], "route_not_found"),
        (["GET", "https://example.com/invoices/7"], &staff, "route_not_found"),
        (["GET", "https://other.test/invoices/../x"], &staff, "path_dot_segment"),
        (
            ["GET", "https://other.test/invoices/a%2fb"],
            &staff,
            "path_encoded_slash",
        ),
        (["GET", URL], &["--as", r#"{"aud":"wiki"}"#], "token_wrong_audience"),
        (
            ["GET", URL],
            &["--as", r#"{"iss":"https://evil.test"}"#],
            "token_wrong_issuer",
        ),
    ] {
        let (code, said) = explained(&[&request, who].concat());
        assert_eq!((code, &said["decision"]), (Some(1), &json!(decision)), "{request:?}");
    }
}

#[test]
fn a_public_route_looks_at_no_claims() {
    let (code, said) = explained(&[
        "PUT",
        "http://any.test/open/x",
        "--as",
        r#"{"iss":"https://evil.test"}"#,
    ]);
    assert_eq!(
        (code, &said["access"], &said["headers"]),
        (Some(0), &json!("public"), &json!({}))
    );
    assert_eq!(said["matched"]["host"], "any");
}

#[test]
fn claims_come_from_a_file_too_and_a_table_is_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("claims.json");
    std::fs::write(&file, r#"{"sub":"alice","roles":["finance"]}"#).unwrap();
    let output = explain(&[
        "GET",
        URL,
        "--claims",
        file.to_str().unwrap(),
        "--client-ip",
        "10.1.2.3",
    ]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "route                  invoices\n\
         upstream               billing\n\
         matched                host *.example.com, method GET, path /invoices/**\n\
         access                 finance\n\
         rule                   effect allow, index 1\n\
         decision               allowed\n\
         rate limits            slow: 10 in 60 s\n\
         strip prefix           /invoices\n\
         forward authorization  false\n\
         header                 x-forwarded-groups: finance\n\
         header                 x-forwarded-user: alice\n"
    );
}

#[test]
fn the_signed_header_is_shown_with_what_it_would_say() {
    let claims = r#"{"sub":"alice","roles":["finance"],"exp":4000000000}"#;
    let (code, said) = explained(&["GET", "https://Signed.test:8443/a/b?c", "--as", claims]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said["assertion"]["header"], "x-caller");
    let mut claims = said["assertion"]["claims"].clone();
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 10);
    for time in ["iat", "exp"] {
        claims.as_object_mut().unwrap().remove(time);
    }
    assert_eq!(
        claims,
        json!({
            "iss": "urn:sidegate:verifier", "aud": "urn:sidegate:upstream:billing", "idp": "https://issuer.test",
            "htm": "GET", "htu": "https://signed.test:8443/b", "sub": "alice", "roles": ["finance"],
        })
    );
    let (_, unsigned) = explained(&[
        "GET",
        URL,
        "--as",
        r#"{"roles":["finance"]}"#,
        "--client-ip",
        "10.1.2.3",
    ]);
    assert_eq!(unsigned["assertion"], Value::Null);
}

#[tokio::test]
async fn an_account_is_explained_by_what_its_next_token_would_say() {
    let sidecar = TestSidecar::new()
        .config("policies: { billing: [{ allow: { role: finance } }] }")
        .route("/billing/**", "billing")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let url = format!("{}/billing/7", sidecar.url());
    let explained = |who: &str| sidecar.command(&["config", "explain", "GET", &url, "--as", who, "--output", "json"]);
    let said = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    for who in ["alice", &alice.email] {
        let output = explained(who);
        assert_eq!(
            (output.status.code(), &said(&output)["decision"]),
            (Some(1), &json!("policy_denied"))
        );
    }
    let granted = sidecar.command(&["user", "grant", "alice", "--role", "finance"]);
    assert!(granted.status.success(), "{granted:?}");
    let output = explained("alice");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let headers = &said(&output)["headers"];
    assert_eq!(
        (
            &headers["x-forwarded-preferred-username"],
            &headers["x-forwarded-groups"]
        ),
        (&json!("alice"), &json!("finance"))
    );
    let nobody = explained("nobody");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(nobody.stdout.is_empty(), "no decision");
}

#[test]
fn a_slip_on_the_command_line_is_no_decision() {
    for arguments in [
        &["GET", "/invoices"][..],
        &["GET", URL, "--as", "[]"],
        &["GET", URL, "--claims", "/nowhere.json"],
        &["G ET", URL],
    ] {
        assert_eq!(explain(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
