//! The API against its own description, as schemathesis (`PyPI`) drives it: bodies of the right shape and of wrong ones,
//! methods that are not there, parameters left out; and of every answer its status, type, headers and shape.
//!
//! `make api-test` installs the tester and runs this. With the other tests it would need Python everywhere.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::support::TestSidecar;

/// Whom the tester signs in as. Not the password of the description's examples: it would delete its own account.
const EMAIL: &str = "tester@example.com";
const PASSWORD: &str = "walnut-ferry-38-cobalt-dune";
/// It takes less than a minute on an idle machine.
const PATIENCE: Duration = Duration::from_secs(600);
const CLIENT: &str = "tester";
const SECRET: &str = "c2NoZW1hdGhlc2lzIGlzIGEgY2xpZW50IHRvbyE+";

#[tokio::test]
#[ignore = "needs schemathesis: make api-test"]
async fn schemathesis_finds_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tester = root.join(".tools/schemathesis/bin/schemathesis");
    assert!(tester.exists(), "run scripts/install-schemathesis.sh first");
    let sidecar = TestSidecar::new()
        .config("auth: { lockout: { attempts: 1000 }, login_limit: { per_address: 1000000, per_account: 1000000 } }")
        .config("observability: { log: { level: warn } }")
        .config(&format!("auth: {{ clients: [{{ id: {CLIENT}, secret: {SECRET} }}] }}"))
        .start()
        .await;
    let account = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(sidecar.post("/auth/register").json(&account).send().await.status(), 202);
    let granted = sidecar.command(&["user", "grant", EMAIL, "--permission", "sidegate:admin"]);
    assert!(granted.status.success(), "{granted:?}");

    let mut command = tokio::process::Command::new(tester);
    command
        .arg("--no-color")
        .arg("--config-file")
        .arg(root.join("tests/schemathesis/schemathesis.toml"))
        .arg("run")
        .arg(format!("http://127.0.0.1:{}/auth/openapi.json", sidecar.port()))
        .env("API_TEST_EMAIL", EMAIL)
        .env("API_TEST_PASSWORD", PASSWORD)
        .env("API_TEST_CLIENT", CLIENT)
        .env("API_TEST_SECRET", SECRET)
        // What it keeps between runs would make one run differ from the next.
        .current_dir(sidecar.config_file().parent().unwrap())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Ok(seed) = std::env::var("SEED") {
        command.args(["--seed", &seed]);
    }
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("schemathesis ends").unwrap();
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
}
