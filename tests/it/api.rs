//! The API against its own description, as schemathesis (`PyPI`) drives it: bodies of the right shape and of wrong
//! ones, methods that are not there, parameters left out; and of every answer its status, type, headers and shape.
//!
//! `make api-test` installs the tester and runs this. With the other tests it would need Python everywhere.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::support::{Sidecar, TestSidecar, claims};

/// The user of the tester. Not the password of the description's examples: it would delete its own account.
const EMAIL: &str = "tester@example.com";
const PASSWORD: &str = "walnut-ferry-38-cobalt-dune";
/// Two busy cores are enough.
const TIMEOUT: Duration = Duration::from_secs(180);
const CLIENT: &str = "tester";
const SECRET: &str = "c2NoZW1hdGhlc2lzIGlzIGEgY2xpZW50IHRvbyE+";

#[tokio::test]
#[ignore = "needs schemathesis: make api-test"]
async fn schemathesis_finds_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tester = root.join(".tools/schemathesis/bin/schemathesis");
    assert!(tester.exists(), "run scripts/install-schemathesis.sh first");
    let sidecar = TestSidecar::new()
        .config("auth: { lockout: { attempts: 1000 }, login_limit: { per_ip: 1000000, per_account: 1000000 } }")
        .config("observability: { log: { level: error } }")
        .config(&format!("auth: {{ clients: [{{ id: {CLIENT}, secret: {SECRET} }}] }}"))
        .start()
        .await;
    let account = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(sidecar.post("/auth/register").json(&account).send().await.status(), 202);
    let granted = sidecar.command(&["user", "grant", EMAIL, "--permission", "sidegate:admin"]);
    assert!(granted.status.success(), "{granted:?}");
    let answer = sidecar.try_login(EMAIL, PASSWORD).await.json();
    let own = claims(answer["access_token"].as_str().unwrap());
    // What it keeps between runs would make one run differ from the next, so that it starts in an empty directory.
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("schemathesis.toml");
    std::fs::copy(root.join("tests/schemathesis/schemathesis.toml"), &config).unwrap();
    let somebody = write_ids(&sidecar, own["sid"].as_str().unwrap(), place.path()).await;

    let mut command = tokio::process::Command::new(tester);
    command
        .arg("--no-color")
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(format!("http://127.0.0.1:{}/auth/openapi.json", sidecar.port()))
        .env("API_TEST_EMAIL", EMAIL)
        .env("API_TEST_PASSWORD", PASSWORD)
        .env("API_TEST_CLIENT", CLIENT)
        .env("API_TEST_SECRET", SECRET)
        .env("API_TEST_USER", own["sub"].as_str().unwrap())
        .env("API_TEST_SOMEBODY", somebody)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", root.join("tests/schemathesis"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(place.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Ok(seed) = std::env::var("SEED") {
        command.args(["--seed", &seed]);
    }
    let output = tokio::time::timeout(TIMEOUT, command.output()).await;
    let output = output.expect("schemathesis ends in time").unwrap();
    println!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "schemathesis has findings");
    assert!(
        sidecar.metric("sidegate_panics_total", &[]).await == 0.0,
        "an endpoint panicked"
    );
    for event in [
        "user_created",
        "user_locked",
        "user_deleted",
        "sessions_revoked",
        "profile_changed",
    ] {
        let written = sidecar.metric("sidegate_audit_events_total", &[("event", event)]).await;
        assert!(written > 0.0, "{event} was never tried with success");
    }
    assert_eq!(
        sidecar.try_login(EMAIL, PASSWORD).await.status(),
        200,
        "the tester locked itself out, and tested little from then on"
    );
}

/// Lists of existing ids: whole paths are as likely as wrong ones. Returns one of the accounts.
async fn write_ids(sidecar: &Sidecar, own_session: &str, place: &Path) -> String {
    let (mut users, mut sessions) = (String::new(), format!("\"{own_session}\"\n"));
    let mut last = String::new();
    for name in ["ada", "bea", "cleo", "dora", "effi", "fanny"] {
        let claims = claims(&sidecar.user(name).await.access_token);
        let id = |claim: &str| claims[claim].as_str().unwrap().to_owned();
        writeln!(users, "\"{}\"", id("sub")).unwrap();
        writeln!(sessions, "\"{}\"", id("sid")).unwrap();
        last = id("sub");
    }
    std::fs::write(place.join("users.dict"), users).unwrap();
    std::fs::write(place.join("sessions.dict"), sessions).unwrap();
    last
}
