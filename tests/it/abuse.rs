//! Attacks on accounts with the real binary: spellings, and a process that dies at the worst moment.

use std::time::Duration;

use serde_json::json;

use crate::support::wait_until;
use crate::support::{PASSWORD, TestSidecar};
use rustix::process::Signal;

#[tokio::test]
async fn spellings_of_one_account_share_one_counter_whether_it_exists_or_not() {
    let sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_ip: 1000, per_account: 6, window: 1h } }")
        .start()
        .await;
    sidecar.user("alice").await;
    for name in ["alice", "nobody"] {
        let spellings = [
            format!("{name}@example.com"),
            format!("{}@EXAMPLE.com", name.to_uppercase()),
            format!("  {name}@example.com "),
            format!("{name}@example.com."),
            format!("{name}@example。com"),
            format!("\u{a0}{name}＠example.com\u{3000}"),
            format!("{name}@ｅｘａｍｐｌｅ.com..."),
            format!("{name}@example.com. ."),
        ];
        let mut statuses = Vec::new();
        for spelling in &spellings {
            statuses.push(sidecar.try_login(spelling, "wrong").await.status());
        }
        // Alice has signed in once already.
        let tried = if name == "alice" { 5 } else { 6 };
        assert!(
            statuses[..tried].iter().all(|status| *status == 401),
            "{name}: {statuses:?}"
        );
        assert!(
            statuses[tried..].iter().all(|status| *status == 429),
            "{name}: {statuses:?}"
        );
    }
    assert_eq!(
        sidecar.try_login("carol@example.com", "wrong").await.status(),
        401,
        "another account"
    );
}

#[tokio::test]
async fn attempts_by_username_and_by_email_address_share_the_limit_of_the_account() {
    let sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_ip: 1000, per_account: 6, window: 1h } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    sidecar.user("bob").await;
    // Alice has signed in once already, which was one of the six.
    for name in ["alice", "alice@example.com", "ALICE", "alice@EXAMPLE.com", "alice"] {
        assert_eq!(sidecar.try_login(name, "wrong").await.status(), 401, "{name}");
    }
    for name in ["alice", "alice@example.com"] {
        assert_eq!(sidecar.try_login(name, PASSWORD).await.status(), 429, "{name}");
    }
    let body = json!({ "password": "wrong", "new_password": "tepid-gravel-19-walnut" });
    let change = sidecar.post("/auth/password/change").bearer(&alice.access_token);
    assert_eq!(change.json(&body).send().await.status(), 429, "nor with a token");
    assert_eq!(
        sidecar.try_login("bob", PASSWORD).await.status(),
        200,
        "another account"
    );
}

#[tokio::test]
async fn an_invalid_email_address_is_refused_with_its_field() {
    let sidecar = TestSidecar::new().start().await;
    let register = async |email: &str, username: Option<&str>| {
        let body = json!({ "email": email, "username": username, "password": PASSWORD });
        sidecar.post("/auth/register").json(&body).send().await
    };
    let long = format!("{}@example.com", "a".repeat(250));
    for (email, username, field, code) in [
        ("a@b@example.com", None, "email", "email_invalid"),
        ("a\u{7}b@example.com", None, "email", "email_invalid"),
        ("alice@example.com\n", None, "email", "email_invalid"),
        ("p\u{430}ypal@example.com", None, "email", "email_invalid"),
        (long.as_str(), None, "email", "email_invalid"),
        ("\"alice\"@example.com", None, "email", "email_invalid"),
        (".alice@example.com", None, "email", "email_invalid"),
        ("alice@[192.0.2.1]", None, "email", "email_invalid"),
        ("alice@-example.com", None, "email", "email_invalid"),
        ("alice@example.com", Some("al\u{456}ce"), "username", "username_invalid"),
        (
            "alice@example.com",
            Some("\u{430}\u{440}\u{440}\u{4cf}\u{435}"),
            "username",
            "username_invalid",
        ),
    ] {
        let answer = register(email, username).await;
        assert_eq!(answer.status(), 422, "{email:?}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{email:?}"
        );
    }
    assert_eq!(register("alice@example.com", Some("alice")).await.status(), 202);
}

#[tokio::test]
async fn an_invented_refresh_token_is_refused_while_postgres_is_away_and_a_genuine_one_is_not_judged() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.postgres_network().cut();
    let genuine = alice.refresh_token.as_str();
    for index in "sgr_".len()..genuine.len() {
        // Of its session and its key, but for one character.
        let mut invented = genuine.as_bytes().to_vec();
        invented[index] = if invented[index] == b'A' { b'Q' } else { b'A' };
        let answer = sidecar.refresh(std::str::from_utf8(&invented).unwrap()).await;
        assert_eq!(answer.status(), 401, "character {index}: {}", answer.text());
    }
    assert_eq!(sidecar.refresh(genuine).await.status(), 503);
    sidecar.postgres_network().heal();
    wait_until("the genuine token works", Duration::from_secs(30), async || {
        sidecar.refresh(genuine).await.status() == 200
    })
    .await;
}

/// `kill -9` between the commit and the response. The network to PostgreSQL is slow, so that the changed row is visible
/// before the process gets the result.
#[tokio::test]
async fn a_refresh_whose_process_dies_after_the_commit_can_be_retried() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let database = sidecar.database().await;
    let rows = async |condition: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM refresh_tokens WHERE {condition}");
        database.query_one(&sql, &[]).await.unwrap().get(0)
    };

    sidecar.postgres_network().delay(Duration::from_millis(150));
    let body = json!({ "refresh_token": alice.refresh_token }).to_string();
    let mut connection = sidecar.connect().await;
    let request = format!(
        "POST /auth/refresh HTTP/1.1\r\nHost: sidegate.test\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.send(request.as_bytes()).await;
    wait_until("the token is spent", Duration::from_secs(30), async || {
        rows("used_at IS NOT NULL").await == 1
    })
    .await;
    sidecar.signal(Signal::KILL);
    assert!(connection.answer(false).await.is_none(), "the answer was not lost");
    sidecar.postgres_network().heal();
    sidecar.restart().await;

    let again = sidecar.refresh(&alice.refresh_token).await;
    assert_eq!(again.status(), 200, "{}", again.text());
    assert_eq!(rows("used_at IS NULL").await, 1, "one live token");
    assert_eq!(rows("true").await, 2, "nothing was doubled");
    let next = again.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(sidecar.refresh(&next).await.status(), 200);
}
