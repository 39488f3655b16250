//! Query parameters that are not accepted: the error names the parameter and what is.

use serde_json::Value;

use super::{call, operator};
use crate::support::TestSidecar;

#[tokio::test]
async fn a_filter_that_is_not_accepted_says_what_is() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let time = "expected a time such as 2026-01-31T08:00:00Z (RFC 3339); the plus sign of an offset is written %2B";
    let cursor = "expected the `next_cursor` of the previous page";
    for (query, field, expected) in [
        ("/audit?outcome=bad", "outcome", "expected one of success, failure"),
        (
            "/audit?user=ann@example.com",
            "user",
            "expected the id of an account, a UUID",
        ),
        ("/audit?actor=x", "actor", "expected the id of an account, a UUID"),
        ("/audit?session=x", "session", "expected the id of a session, a UUID"),
        (
            "/audit?client_ip=localhost",
            "client_ip",
            "expected an IP address such as 192.0.2.7 or 2001:db8::7",
        ),
        ("/audit?since=yesterday", "since", time),
        ("/audit?until=2026-01-31T08:00:00+01:00", "until", time),
        ("/audit?cursor=x", "cursor", cursor),
        ("/audit?limit=0", "limit", "expected a number from 1 to 200"),
        (
            "/users?deleted=yes",
            "deleted",
            "expected one of exclude, include, only",
        ),
        ("/users?locked=1", "locked", "expected true or false"),
        ("/users?cursor=x", "cursor", cursor),
        ("/invitations?cursor=x", "cursor", cursor),
        ("/presence?limit=x", "limit", "expected a number from 1 to 200"),
    ] {
        let answer = call(&sidecar, &admin, "GET", query, None).await;
        assert_eq!(answer.status(), 422, "{query}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["message"]),
            (&field.into(), &expected.into()),
            "{query}"
        );
    }
    let answer = call(&sidecar, &admin, "GET", "/audit?event=login", None).await;
    let Value::String(message) = answer.json()["errors"][0]["message"].clone() else {
        panic!("{}", answer.text())
    };
    assert!(message.starts_with("expected one of "), "{message}");
    assert!(
        message.contains("login_failed, ") && message.contains("user_created"),
        "{message}"
    );
    let near_miss = call(
        &sidecar,
        &admin,
        "GET",
        "/audit?event=login_failed&outcome=failure",
        None,
    )
    .await;
    assert_eq!(near_miss.status(), 200, "{}", near_miss.text());
}
