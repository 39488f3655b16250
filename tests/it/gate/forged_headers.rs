//! Only the gate sets identity headers.

use super::id;
use crate::support::{Sidecar, TestSidecar};

/// Spellings that WSGI, CGI, PHP and others treat like `X-Forwarded-User`.
const SPELLINGS: [&str; 6] = [
    "X-Forwarded-User",
    "X_Forwarded_User",
    "x.forwarded.user",
    "X-FORWARDED_USER",
    "X-Forwarded~User",
    "x_forwarded-user",
];

/// Every name that an application could treat as an identity header, whatever preset is used.
const NAMES: [&str; 16] = [
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups",
    "X-Auth-Session",
    "X-Sidegate-Assertion",
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "X-Auth-Request-User",
    "X-Auth-Request-Groups",
    "X-Forwarded-Access-Token",
    "X-Auth-Subject",
    "X-Remote-User",
    "X-Tenant",
];

async fn sidecar() -> Sidecar {
    let routes = TestSidecar::new().route("/api/**", "authenticated");
    let routes = routes.route("/open/**", "public").route("/maybe/**", "optional");
    routes
        .config("identity_headers: { add: { X-Tenant: { claim: tenant } } }")
        .start()
        .await
}

#[tokio::test]
async fn a_client_cannot_set_identity_headers_on_a_protected_route() {
    let sidecar = sidecar().await;
    let alice = sidecar.user("alice").await;
    for spelling in SPELLINGS {
        let request = sidecar
            .get("/api/x")
            .bearer(&alice.access_token)
            .header(spelling, "root");
        let seen = request.send().await.upstream_saw();
        assert_eq!(seen.header_family("X-Forwarded-User"), [id(&alice)], "{spelling}");
    }
}

#[tokio::test]
async fn a_client_cannot_set_identity_headers_on_a_public_or_an_optional_route() {
    let sidecar = sidecar().await;
    for path in ["/open/x", "/maybe/x"] {
        for spelling in SPELLINGS {
            let seen = sidecar.get(path).header(spelling, "root").send().await.upstream_saw();
            assert_eq!(seen.header_family("X-Forwarded-User"), [""; 0], "{path} {spelling}");
        }
    }
}

#[tokio::test]
async fn every_identity_name_of_every_preset_and_of_the_operator_is_removed() {
    let sidecar = sidecar().await;
    for name in NAMES {
        let seen = sidecar.get("/open/x").header(name, "root").send().await.upstream_saw();
        assert_eq!(seen.header_family(name), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn identity_headers_of_other_proxies_are_removed_by_default() {
    let sidecar = sidecar().await;
    let alice = sidecar.user("alice").await;
    for name in [
        "X-Forwarded-Client-Cert",
        "x_forwarded_client_cert",
        "X-Authentik-Username",
        "X_Authentik_Groups",
        "X-WebAuth-User",
        "Cf-Access-Authenticated-User-Email",
        "CF-Connecting-IP",
        "OIDC_CLAIM_sub",
        "X-Amzn-Oidc-Data",
    ] {
        for request in [
            sidecar.get("/open/x"),
            sidecar.get("/api/x").bearer(&alice.access_token),
        ] {
            let seen = request.header(name, "root").send().await.upstream_saw();
            assert_eq!(seen.header_family(name), [""; 0], "{name}");
        }
    }
    for name in ["X-Authentic", "X-Api-Key", "Cfg-User"] {
        let seen = sidecar.get("/open/x").header(name, "a").send().await.upstream_saw();
        assert_eq!(seen.header_family(name), ["a"], "{name}");
    }
}

#[tokio::test]
async fn the_operator_decides_which_headers_of_other_proxies_are_removed() {
    let sidecar = TestSidecar::new()
        .route("/**", "public")
        .config("identity_headers: { strip: [X-Corp-*, X-Badge] }")
        .start()
        .await;
    let request = sidecar
        .get("/x")
        .header("X_Corp_User", "root")
        .header("x-badge", "root");
    let request = request.header("X-Badge-Color", "red").header("Cf-Ray", "abc");
    let seen = request.header("X-Forwarded-User", "root").send().await.upstream_saw();
    for name in ["X-Corp-User", "X-Badge", "X-Forwarded-User"] {
        assert_eq!(seen.header_family(name), [""; 0], "{name}");
    }
    assert_eq!(
        (seen.header("X-Badge-Color"), seen.header("Cf-Ray")),
        (Some("red"), Some("abc"))
    );
}

#[tokio::test]
async fn a_header_that_is_nobodys_identity_arrives_as_it_was_sent() {
    let sidecar = sidecar().await;
    let request = sidecar
        .get("/open/x")
        .header("X-Forwarded-Users", "a")
        .header("X_Page", "b");
    let seen = request.send().await.upstream_saw();
    assert!(seen.lines.contains(&"X-Forwarded-Users: a".to_owned()), "{seen:?}");
    assert!(seen.lines.contains(&"X_Page: b".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn forged_duplicates_are_all_removed() {
    let sidecar = sidecar().await;
    let alice = sidecar.user("alice").await;
    let mut request = sidecar.get("/api/x").bearer(&alice.access_token);
    for spelling in SPELLINGS {
        request = request.header(spelling, "root").header(spelling, "admin");
    }
    let seen = request.send().await.upstream_saw();
    assert_eq!(seen.header_family("X-Forwarded-User"), [id(&alice)]);
}

#[tokio::test]
async fn a_connection_header_cannot_take_our_identity_header_away() {
    let sidecar = sidecar().await;
    let alice = sidecar.user("alice").await;
    for listed in ["X-Forwarded-User", "keep-alive, x-forwarded-user, X-Auth-Session"] {
        let request = sidecar
            .get("/api/x")
            .bearer(&alice.access_token)
            .header("Connection", listed);
        let seen = request.send().await.upstream_saw();
        assert_eq!(seen.header_family("X-Forwarded-User"), [id(&alice)], "{listed}");
        assert_eq!(seen.header_family("X-Auth-Session").len(), 1, "{listed}");
    }
}

#[tokio::test]
async fn a_role_with_a_comma_does_not_become_two_groups() {
    let issuer = crate::support::TestIssuer::new();
    let sidecar = TestSidecar::new().config(&issuer.config()).start().await;
    let token = issuer.token(
        &serde_json::json!({}),
        &serde_json::json!({ "roles": ["reader,admin", "é"], "sub": "o\u{2019}hara 100%" }),
    );
    let seen = sidecar.get("/x").bearer(&token).send().await.upstream_saw();
    assert_eq!(seen.header("X-Forwarded-Groups"), Some("reader%2Cadmin,%C3%A9"));
    assert_eq!(seen.header("X-Forwarded-User"), Some("o%E2%80%99hara 100%25"));
}

#[tokio::test]
async fn an_unverified_address_is_not_passed_on() {
    let issuer = crate::support::TestIssuer::new();
    let sidecar = TestSidecar::new().config(&issuer.config()).start().await;
    for verified in [
        serde_json::json!(false),
        serde_json::json!("true"),
        serde_json::json!(null),
    ] {
        let claims = serde_json::json!({ "email": "root@example.com", "email_verified": verified });
        let token = issuer.token(&serde_json::json!({}), &claims);
        let seen = sidecar.get("/x").bearer(&token).send().await.upstream_saw();
        assert_eq!(seen.header("X-Forwarded-Email"), None, "{verified}");
    }
    let claims = serde_json::json!({ "email": "zoe@example.com", "email_verified": true });
    let token = issuer.token(&serde_json::json!({}), &claims);
    let seen = sidecar.get("/x").bearer(&token).send().await.upstream_saw();
    assert_eq!(seen.header("X-Forwarded-Email"), Some("zoe@example.com"));
}
