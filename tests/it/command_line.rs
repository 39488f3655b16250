//! What commands print, for people and for programs, and what they say about a wrong argument.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Sidecar, TestSidecar, json_lines};

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn done(sidecar: &Sidecar, arguments: &[&str]) -> String {
    let (code, printed, errors) = said(&sidecar.command(arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {errors}");
    printed
}

#[tokio::test]
async fn json_is_one_object_per_line_whatever_the_command() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    sidecar.user("bob").await;
    let target = format!("{}/x", sidecar.url());
    for (arguments, lines) in [
        (&["user", "list"][..], 2),
        (&["user", "list", "--locked"], 0),
        (&["user", "show", "alice"], 1),
        (&["user", "unlock", "alice"], 1),
        (&["user", "invitations"], 0),
        (&["session", "list", "alice"], 1),
        (&["keys", "list"], 2),
        (&["audit", "--event", "user_registered"], 2),
        (&["token", "mint", "alice"], 1),
        (&["migrate", "status"], 1),
        (&["db", "cleanup"], 1),
        (&["config", "explain", "GET", &target, "--as", "alice"], 1),
    ] {
        let printed = done(&sidecar, &[arguments, &["--output", "json"]].concat());
        let objects = json_lines(printed.as_bytes());
        assert_eq!(objects.len(), lines, "{arguments:?}: {printed}");
        assert!(objects.iter().all(Value::is_object), "{arguments:?}: {printed}");
    }
}

#[tokio::test]
async fn a_minted_token_is_alone_on_standard_output() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    let (code, printed, note) = said(&sidecar.command(&["token", "mint", "alice"]));
    assert_eq!(code, Some(0), "{note}");
    let token = printed.strip_suffix('\n').unwrap();
    assert!(
        token.starts_with("ey") && !token.contains(char::is_whitespace),
        "{printed}"
    );
    assert!(
        note.starts_with("an access token of alice@example.com, valid for "),
        "{note}"
    );
    assert!(!note.contains(token), "{note}");
    assert_eq!(sidecar.get("/x").bearer(token).send().await.status(), 200);
    let object = done(&sidecar, &["token", "mint", "alice", "--output", "json"]);
    assert!(json_lines(object.as_bytes())[0]["expires_in"].is_u64(), "{object}");
}

#[tokio::test]
async fn a_deleted_account_is_restored_by_any_of_its_names() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    for name in ["Alice@example.com", "alice"] {
        done(&sidecar, &["user", "delete", "alice"]);
        done(&sidecar, &["user", "restore", name]);
        assert_eq!(sidecar.login("alice@example.com").await.email, "alice@example.com");
    }
    let refused = |name: &str| {
        let (code, _, error) = said(&sidecar.command(&["user", "restore", name]));
        assert_eq!(code, Some(1), "{error}");
        error
    };
    assert_eq!(refused("alice"), "sidegate: `alice` is not deleted\n");
    assert_eq!(
        refused("alic"),
        "sidegate: there is no deleted account `alic`; `sidegate user list --deleted` lists them\n"
    );
    // The name is used again, and deleted again: the operator has to say which of the two.
    done(&sidecar, &["user", "delete", "alice"]);
    sidecar.user("alice").await;
    done(&sidecar, &["user", "delete", "alice"]);
    let error = refused("alice@example.com");
    assert!(
        error.contains("several deleted accounts had the name `alice@example.com`"),
        "{error}"
    );
    let id = error.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let restored = done(&sidecar, &["user", "restore", id, "--output", "json"]);
    assert_eq!(json_lines(restored.as_bytes())[0]["id"], json!(id));
}

#[test]
fn a_wrong_argument_is_answered_with_what_is_expected() {
    let id = "expected an id such as 01a21e49-592b-7f2b-92ee-b5ee2f8f7c1c";
    for (arguments, expected) in [
        (&["session", "revoke", "ann@example.com"][..], id),
        (&["user", "uninvite", "ann@example.com"], id),
        (&["user", "list", "--after", "x"], id),
        (&["user", "invitations", "--after", "x"], id),
        (&["audit", "--session", "x"], id),
        (&["audit", "--event", "login_fail"], "login_failed"),
        (&["audit", "--outcome", "bad"], "[possible values: success, failure]"),
        (&["audit", "--since", "yesterday"], "such as 15m, 24h or 7d"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(arguments)
            .output()
            .unwrap();
        let (code, _, error) = said(&output);
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
