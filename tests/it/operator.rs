//! The commands `user`, `session` and `keys`: the real binary against a real database.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::migrate;
use sidegate::store::postgres::{self, Postgres};
use tempfile::TempDir;

use crate::store::fixture::NOW;
use crate::support::Database;
use crate::support::config::{self, Places};

/// An operator's shell: a configuration file and a database.
struct Shell {
    config: PathBuf,
    _database: Database,
    _dir: TempDir,
}

impl Shell {
    async fn new() -> Self {
        let database = Database::empty().await;
        let settings = postgres::Settings {
            url: Secret::new(database.url()),
            max: 1,
            wait: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            replicas: Vec::new(),
        };
        let postgres = Postgres::connect(&settings, &Arc::new(Metrics::new())).unwrap();
        migrate::up(&postgres, migrate::SHIPPED, Duration::from_secs(5), NOW)
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sidegate.yaml");
        let places = Places {
            listen: 8080,
            admin: 9901,
            database_url: &database.url(),
            // Nobody listens there: what commands do must not need Redis.
            redis_url: "redis://127.0.0.1:9",
            namespace: "none",
            upstream: SocketAddr::from(([127, 0, 0, 1], 9)),
        };
        let mut yaml = config::base(&places);
        yaml["routes"] = serde_yaml::Value::Sequence(vec![config::route("/**", "authenticated")]);
        std::fs::write(&file, serde_yaml::to_string(&yaml).unwrap()).unwrap();
        Self {
            config: file,
            _database: database,
            _dir: dir,
        }
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .args(["--output", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails before it reads closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn json(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn failure(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

const GOOD: &str = "quarrel-lantern-71-osprey\n";

#[tokio::test]
async fn an_operator_creates_finds_and_empowers_a_user() {
    let shell = Shell::new().await;
    let created = shell.json(
        &[
            "user",
            "create",
            "Alice@Example.com",
            "--username",
            "alice",
            "--password-stdin",
        ],
        GOOD,
    );
    assert_eq!(
        (&created["email"], &created["username"]),
        (&"alice@example.com".into(), &"alice".into())
    );
    assert!(created.get("password_hash").is_none());

    let listed = shell.json(&["user", "list"], "");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let granted = shell.json(
        &[
            "user",
            "grant",
            "alice",
            "--role",
            "staff",
            "--permission",
            "sidegate:admin",
        ],
        "",
    );
    assert_eq!(
        (&granted["roles"], &granted["permissions"]),
        (&serde_json::json!(["staff"]), &serde_json::json!(["sidegate:admin"]))
    );
    assert_eq!(shell.json(&["session", "list", "alice"], ""), serde_json::json!([]));
}

#[tokio::test]
async fn a_command_that_cannot_says_why_in_one_sentence() {
    let shell = Shell::new().await;
    shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let again = shell.failure(&["user", "create", "ALICE@example.com", "--password-stdin"], GOOD);
    assert_eq!(again, "sidegate: there is an account with this address already\n");
    let weak = shell.failure(&["user", "create", "bob@example.com", "--password-stdin"], "password\n");
    assert_eq!(weak, "sidegate: this is one of the most used passwords\n");
    assert_eq!(
        shell.failure(&["user", "show", "carol"], ""),
        "sidegate: there is no account `carol`\n"
    );
}

#[tokio::test]
async fn keys_are_rotated_and_imported() {
    let shell = Shell::new().await;
    shell.json(&["keys", "rotate"], "");
    let keys = shell.json(&["keys", "list"], "");
    let mut states = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["state"].as_str().unwrap())
        .collect::<Vec<_>>();
    states.sort_unstable();
    assert_eq!(states, ["active", "next", "retired"]);
    assert!(shell.failure(&["keys", "rotate"], "").contains("--now"));
    shell.json(
        &[
            "keys",
            "import",
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/keys/testdata/rsa_2048.pem"),
        ],
        "",
    );
    let keys = shell.json(&["keys", "list"], "");
    assert!(
        keys.as_array()
            .unwrap()
            .iter()
            .any(|key| key["algorithm"] == "RS256" && key["state"] == "next")
    );
}

#[tokio::test]
async fn a_token_made_by_hand_is_verified_by_hand() {
    let shell = Shell::new().await;
    shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let minted = shell.json(&["token", "mint", "alice@example.com"], "");
    let token = minted["access_token"].as_str().unwrap();

    let seen = shell.json(&["token", "inspect"], token);
    assert_eq!((&seen["signature"], &seen["expired"]), (&"valid".into(), &false.into()));
    assert_eq!(seen["claims"]["email"], "alice@example.com");

    let (input, _) = token.rsplit_once('.').unwrap();
    assert_eq!(
        shell.json(&["token", "inspect"], &format!("{input}.AAAA"))["signature"],
        "wrong"
    );
    assert!(shell.failure(&["token", "inspect"], "not a token").contains("no JWT"));
}
