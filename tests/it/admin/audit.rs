//! The audit log, with the API and at the command line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{call, get, id, operator};
use crate::support::claims;
use crate::support::{Sidecar, TestSidecar};

fn words(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_administrator_is_the_actor_of_what_they_did_to_others() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let (actor, target) = (id(&admin), id(&alice));
    let path = format!("/users/{target}");
    call(
        &sidecar,
        &admin,
        "PATCH",
        &path,
        Some(&json!({"roles": ["staff"], "permissions": ["x"], "username": "al"})),
    )
    .await;
    call(
        &sidecar,
        &admin,
        "PATCH",
        &path,
        Some(&json!({"email": "al@example.com"})),
    )
    .await;
    for (method, rest) in [
        ("POST", "/lock"),
        ("POST", "/unlock"),
        ("POST", "/password-reset"),
        ("DELETE", "/sessions"),
        ("DELETE", ""),
        ("POST", "/restore"),
    ] {
        let answer = call(&sidecar, &admin, method, &format!("{path}{rest}"), None).await;
        assert!(answer.status() < 300, "{method} {rest}: {}", answer.text());
    }
    let page = get(&sidecar, &admin, &format!("/audit?actor={actor}&user={target}")).await;
    let mut expected = [
        "profile_changed",
        "roles_changed",
        "permissions_changed",
        "email_changed",
        "user_locked",
        "user_unlocked",
        "password_reset_required",
        "sessions_revoked",
        "user_deleted",
        "user_restored",
    ];
    // Entries of one request have the same time.
    let mut found = words(&page);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for event in page["events"].as_array().unwrap() {
        assert_eq!((&event["actor_id"], &event["user_id"]), (&json!(actor), &json!(target)));
        assert_eq!(event["client_ip"], "127.0.0.1");
        assert!(event["request_id"].is_string(), "{event}");
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_paged_through_without_a_gap() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    sidecar.user("bob").await;
    for _ in 0..5 {
        sidecar.login(&alice.email).await;
    }
    sidecar.try_login(&alice.email, "wrong").await;
    let user = id(&alice);
    let all = get(&sidecar, &admin, &format!("/audit?user={user}")).await;
    assert_eq!(
        words(&all),
        [
            "login_failed",
            "login_succeeded",
            "login_succeeded",
            "login_succeeded",
            "login_succeeded",
            "login_succeeded",
            "login_succeeded",
            "user_registered"
        ]
    );

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(&sidecar, &admin, &format!("/audit?user={user}&limit=3{cursor}")).await;
        paged.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(json!(paged), all["events"]);

    let count = async |query: &str| words(&get(&sidecar, &admin, &format!("/audit?user={user}&{query}")).await).len();
    let sid = claims(&alice.access_token)["sid"].as_str().unwrap().to_owned();
    let middle = all["events"][3]["at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(count("event=login_failed").await, 1);
    assert_eq!(count("outcome=failure").await, 1);
    assert_eq!(count(&format!("session={sid}")).await, 1);
    assert_eq!(count("client_ip=127.0.0.1").await, 8);
    assert_eq!(count("client_ip=127.0.0.2").await, 0);
    assert_eq!(count(&format!("since={middle}")).await, 4);
    assert_eq!(count(&format!("until={middle}")).await, 4);
}

fn lines(sidecar: &Sidecar, arguments: &[&str]) -> Vec<Value> {
    let output = sidecar.command(&[&["audit", "--output", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_command_prints_and_filters_entries() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.try_login(&alice.email, "wrong").await;
    let events = |arguments: &[&str]| {
        let found = lines(&sidecar, arguments);
        found
            .iter()
            .map(|line| line["event"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        events(&["--user", "alice"]),
        ["user_registered", "login_succeeded", "login_failed"],
        "the oldest first"
    );
    assert_eq!(events(&["--user", "alice", "--limit", "1"]), ["login_failed"]);
    assert_eq!(
        events(&["--outcome", "failure", "--client-ip", "127.0.0.1"]),
        ["login_failed"]
    );
    assert_eq!(
        events(&["--event", "login_succeeded", "--since", "1h"]),
        ["login_succeeded"]
    );
    assert_eq!(events(&["--user", "alice", "--until", "1h"]), [""; 0]);
    assert_eq!(events(&["--actor", &id(&alice), "--event", "user_registered"]).len(), 1);

    let table = String::from_utf8(sidecar.command(&["audit", "--user", "alice"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 4);
    assert!(table.starts_with("AT "), "{table}");
    let unknown = sidecar.command(&["audit", "--event", "nothing"]);
    assert_eq!(
        unknown.status.code(),
        Some(2),
        "a misspelt event is not one that never happened"
    );
}

#[tokio::test]
async fn the_command_follows_new_entries() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args([
            "audit",
            "--follow",
            "--output",
            "json",
            "--event",
            "login_succeeded",
            "--config",
        ])
        .arg(sidecar.config_file())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let (send, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let line: Value = serde_json::from_str(&line).unwrap();
            let _ = send.send(line["session"].as_str().unwrap().to_owned());
        }
    });
    let session = |token: &str| claims(token)["sid"].as_str().unwrap().to_owned();
    assert_eq!(told.recv().await, Some(session(&alice.access_token)), "what was before");
    for _ in 0..2 {
        let again = sidecar.login(&alice.email).await;
        assert_eq!(
            told.recv().await,
            Some(session(&again.access_token)),
            "what comes, once"
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
