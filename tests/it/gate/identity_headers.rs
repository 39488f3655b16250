//! The identity headers of a route.

use serde_json::{Value, json};

use crate::support::{Sidecar, TestIssuer, TestSidecar};

async fn sidecar(issuer: &TestIssuer) -> Sidecar {
    let route = |id: &str, headers: &str| {
        format!(
            "{{ id: {id}, match: {{ path: /{id} }}, upstream: app, access: authenticated, identity_headers: {headers} }}"
        )
    };
    TestSidecar::new()
        .config(&issuer.config())
        .config("identity_headers: { add: { X-Tenant: { claim: tenant }, X-Flags: { claim: org.flags, join: ';' } } }")
        .route("/plain", "authenticated")
        .route_yaml(&route(
            "authelia",
            "{ preset: authelia, add: { X-Tenant: { claim: org.name } } }",
        ))
        .route_yaml(&route("bare", "{ preset: none }"))
        .start()
        .await
}

/// The received values of these headers.
async fn arrives<const COUNT: usize>(
    sidecar: &Sidecar,
    path: &str,
    token: &str,
    names: [&str; COUNT],
) -> [Option<String>; COUNT] {
    let seen = sidecar.get(path).bearer(token).send().await.upstream_saw();
    names.map(|name| seen.header(name).map(str::to_owned))
}

fn some<const COUNT: usize>(texts: [&str; COUNT]) -> [Option<String>; COUNT] {
    texts.map(|text| Some(text.to_owned()))
}

const OAUTH2_PROXY: [&str; 5] = [
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups",
    "X-Auth-Session",
];
const AUTHELIA: [&str; 5] = [
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "X-Auth-Session",
];
const ADDED: [&str; 2] = ["X-Tenant", "X-Flags"];

fn claims() -> Value {
    json!({
        "email": "zoe@example.com", "email_verified": true, "preferred_username": "Zoë", "roles": ["a", "b"],
        "tenant": "acme", "org": { "name": "umbrella", "flags": ["x", 2, true] },
    })
}

#[tokio::test]
async fn a_route_has_its_own_preset_and_its_additions_come_on_top_of_those_of_the_top() {
    let issuer = TestIssuer::new();
    let sidecar = sidecar(&issuer).await;
    let token = issuer.token(&json!({}), &claims());
    let who = ["zoe", "zoe@example.com", "Zo%C3%AB", "a,b", "s1"];
    let none = [const { None }; 4];
    for (path, own, other) in [
        ("/plain", OAUTH2_PROXY, AUTHELIA),
        ("/authelia", AUTHELIA, OAUTH2_PROXY),
    ] {
        assert_eq!(arrives(&sidecar, path, &token, own).await, some(who), "{path}");
        let [first, second, third, fourth, _] = other;
        assert_eq!(
            arrives(&sidecar, path, &token, [first, second, third, fourth]).await,
            none,
            "{path}"
        );
    }
    assert_eq!(
        arrives(&sidecar, "/plain", &token, ADDED).await,
        some(["acme", "x;2;true"])
    );
    assert_eq!(
        arrives(&sidecar, "/authelia", &token, ADDED).await,
        some(["umbrella", "x;2;true"])
    );
    assert_eq!(
        arrives(&sidecar, "/bare", &token, ADDED).await,
        some(["acme", "x;2;true"])
    );
    assert_eq!(
        arrives(&sidecar, "/bare", &token, OAUTH2_PROXY).await,
        [const { None }; 5]
    );
}

#[tokio::test]
async fn a_claim_that_is_absent_empty_or_has_no_one_reading_sends_nothing() {
    let issuer = TestIssuer::new();
    let sidecar = sidecar(&issuer).await;
    for tenant in [
        Value::Null,
        json!(""),
        json!("  "),
        json!([""]),
        json!({"a": 1}),
        json!([["a"]]),
        json!(["a", null]),
    ] {
        let token = issuer.token(&json!({}), &json!({ "tenant": tenant }));
        let [arrived] = arrives(&sidecar, "/plain", &token, ["X-Tenant"]).await;
        assert_eq!(arrived, None, "{tenant}");
    }
    let forged = issuer.token(&json!({}), &json!({ "tenant": "a\r\nX-Forwarded-User: root" }));
    let [tenant, user] = arrives(&sidecar, "/plain", &forged, ["X-Tenant", "X-Forwarded-User"]).await;
    assert_eq!(tenant.as_deref(), Some("a%0D%0AX-Forwarded-User: root"));
    assert_eq!(user.as_deref(), Some("zoe"));
}

#[tokio::test]
async fn a_value_arrives_as_the_one_that_was_signed() {
    let issuer = TestIssuer::new();
    let sidecar = sidecar(&issuer).await;
    for (claims, name, expected) in [
        (json!({ "roles": [" admin"] }), "X-Forwarded-Groups", "%20admin"),
        (
            json!({ "roles": ["a ", " b,c"] }),
            "X-Forwarded-Groups",
            "a%20,%20b%2Cc",
        ),
        (json!({ "sub": " zoe" }), "X-Forwarded-User", "%20zoe"),
        (json!({ "tenant": "acme " }), "X-Tenant", "acme%20"),
        (json!({ "tenant": "acme,root" }), "X-Tenant", "acme%2Croot"),
        (json!({ "org": { "flags": "a;root" } }), "X-Flags", "a%3Broot"),
        (json!({ "org": { "flags": "a,b c" } }), "X-Flags", "a,b c"),
    ] {
        let token = issuer.token(&json!({}), &claims);
        let [arrived] = arrives(&sidecar, "/plain", &token, [name]).await;
        assert_eq!(arrived.as_deref(), Some(expected), "{claims}");
    }
}
