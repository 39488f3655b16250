//! The permissions of operators.

use serde_json::{Value, json};

use super::{call, get, id, operator, refusal, said};
use crate::support::TestSidecar;

/// Every endpoint, the finer permission it needs, and a body where it wants one.
fn endpoints(user: &str) -> Vec<(&'static str, String, &'static str, Option<Value>)> {
    let at = |rest: &str| format!("/users/{user}{rest}");
    let session = "0190c1a2-0000-7000-8000-000000000000";
    vec![
        ("GET", "/users".to_owned(), "sidegate:users:read", None),
        ("GET", at(""), "sidegate:users:read", None),
        ("POST", "/users".to_owned(), "sidegate:users:write", Some(json!({}))),
        ("PATCH", at(""), "sidegate:users:write", Some(json!({}))),
        ("POST", at("/lock"), "sidegate:users:write", None),
        ("POST", at("/unlock"), "sidegate:users:write", None),
        ("POST", at("/password-reset"), "sidegate:users:write", None),
        ("POST", at("/mfa/reset"), "sidegate:users:write", None),
        ("GET", "/invitations".to_owned(), "sidegate:users:read", None),
        (
            "POST",
            "/invitations".to_owned(),
            "sidegate:users:write",
            Some(json!({ "email": "none" })),
        ),
        (
            "DELETE",
            format!("/invitations/{session}"),
            "sidegate:users:write",
            None,
        ),
        ("DELETE", at(""), "sidegate:users:write", None),
        ("POST", at("/restore"), "sidegate:users:write", None),
        ("GET", at("/sessions"), "sidegate:sessions:read", None),
        ("DELETE", at("/sessions"), "sidegate:sessions:write", None),
        (
            "DELETE",
            at(&format!("/sessions/{session}")),
            "sidegate:sessions:write",
            None,
        ),
        ("GET", "/audit".to_owned(), "sidegate:audit:read", None),
        ("GET", "/presence".to_owned(), "sidegate:presence:read", None),
        ("GET", "/stats".to_owned(), "sidegate:stats:read", None),
    ]
}

#[tokio::test]
async fn each_endpoint_needs_its_own_permission_and_no_other_will_do() {
    let sidecar = TestSidecar::new().start().await;
    let nobody = sidecar.user("nobody").await;
    let target = id(&sidecar.user("target").await);
    let mut permissions = endpoints("").iter().map(|(_, _, needs, _)| *needs).collect::<Vec<_>>();
    permissions.sort_unstable();
    permissions.dedup();

    for (method, path, _, body) in endpoints(&target) {
        let anonymous = sidecar.request(method, &format!("/auth/admin{path}")).send().await;
        assert_eq!(anonymous.status(), 401, "{method} {path}");
        let answer = call(&sidecar, &nobody, method, &path, body.as_ref()).await;
        assert_eq!(said(&answer), refusal(403, "permission_denied"), "{method} {path}");
    }
    for (number, permission) in permissions.iter().enumerate() {
        let holder = operator(&sidecar, &format!("holder{number}"), &[permission]).await;
        for (method, path, needs, body) in endpoints(&target) {
            let answer = call(&sidecar, &holder, method, &path, body.as_ref()).await;
            assert_eq!(
                answer.text().contains("permission_denied"),
                needs != *permission,
                "{method} {path} with {permission}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn an_operator_who_can_change_accounts_cannot_become_an_administrator() {
    let sidecar = TestSidecar::new().start().await;
    let writer = operator(&sidecar, "writer", &["sidegate:users:write", "sidegate:sessions:write"]).await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let (own, above) = (id(&writer), id(&admin));
    let ordinary = id(&sidecar.user("ordinary").await);
    let tries = [
        (
            "PATCH",
            format!("/users/{own}"),
            Some(json!({"permissions": ["sidegate:admin"]})),
            (403, "admin_required"),
        ),
        (
            "PATCH",
            format!("/users/{own}"),
            Some(json!({"roles": ["boss"]})),
            (409, "own_account"),
        ),
        (
            "PATCH",
            format!("/users/{ordinary}"),
            Some(json!({"permissions": ["sidegate:stats:read"]})),
            (403, "admin_required"),
        ),
        // An operator who can set an administrator's email address can reset the password.
        (
            "PATCH",
            format!("/users/{above}"),
            Some(json!({"email": "writer2@example.com"})),
            (403, "admin_required"),
        ),
        (
            "PATCH",
            format!("/users/{above}"),
            Some(json!({"permissions": []})),
            (403, "admin_required"),
        ),
        ("POST", format!("/users/{above}/lock"), None, (403, "admin_required")),
        (
            "POST",
            format!("/users/{above}/password-reset"),
            None,
            (403, "admin_required"),
        ),
        ("DELETE", format!("/users/{above}"), None, (403, "admin_required")),
        (
            "DELETE",
            format!("/users/{above}/sessions"),
            None,
            (403, "admin_required"),
        ),
        (
            "POST",
            "/users".to_owned(),
            Some(
                json!({"email": "new@example.com", "password": "quarrel-lantern-71-osprey", "permissions": ["sidegate:admin"]}),
            ),
            (403, "admin_required"),
        ),
    ];
    for (method, path, body, (status, code)) in tries {
        let answer = call(&sidecar, &writer, method, &path, body.as_ref()).await;
        assert_eq!(said(&answer), refusal(status, code), "{method} {path} {body:?}");
    }
    // The near misses: permissions that are not Sidegate's own, and an administrator.
    let allowed = json!({"roles": ["staff"], "permissions": ["orders:read"]});
    let answer = call(
        &sidecar,
        &writer,
        "PATCH",
        &format!("/users/{ordinary}"),
        Some(&allowed),
    )
    .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let raised = json!({"permissions": ["sidegate:stats:read"]});
    let answer = call(&sidecar, &admin, "PATCH", &format!("/users/{ordinary}"), Some(&raised)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn an_administrator_does_not_put_themselves_out_of_office() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let own = id(&admin);
    let tries = [
        ("POST", "/lock", None),
        ("DELETE", "", None),
        ("POST", "/password-reset", None),
        ("PATCH", "", Some(json!({"permissions": ["orders:read"]}))),
    ];
    for (method, rest, body) in tries {
        let answer = call(&sidecar, &admin, method, &format!("/users/{own}{rest}"), body.as_ref()).await;
        assert_eq!(said(&answer), refusal(409, "own_account"), "{method} {rest}");
    }
    let other = id(&operator(&sidecar, "other", &["sidegate:admin"]).await);
    let answer = call(&sidecar, &admin, "POST", &format!("/users/{other}/lock"), None).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    get(&sidecar, &admin, "/users").await;
}
