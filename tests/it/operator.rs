//! The commands `user`, `session` and `keys`: the real binary against a real database.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sidegate::keys::{Algorithm, SigningKey, provider};
use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::migrate;
use sidegate::store::postgres::{self, Postgres};
use tempfile::TempDir;

use crate::store::fixture::NOW;
use crate::support::config::{self, Places};
use crate::support::{Database, TestSidecar, json_lines, wait_until};

/// An operator's shell: a configuration file and a database.
struct Shell {
    config: PathBuf,
    _database: Database,
    dir: TempDir,
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
            // Nothing listens there: commands must not need Redis.
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
            dir,
        }
    }

    /// Changes the configuration.
    fn configure(&mut self, change: impl FnOnce(&mut serde_yaml::Value)) {
        let mut yaml = serde_yaml::from_str(&std::fs::read_to_string(&self.config).unwrap()).unwrap();
        change(&mut yaml);
        std::fs::write(&self.config, serde_yaml::to_string(&yaml).unwrap()).unwrap();
    }

    /// The signing keys in a state.
    fn keys_in(&self, state: &str) -> Vec<Value> {
        let keys = self.rows(&["keys", "list"]).into_iter();
        keys.filter(|key| key["state"] == state).collect()
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

    /// The objects of a list, one per line.
    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        json_lines(&output.stdout)
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

    assert_eq!(shell.rows(&["user", "list"]).len(), 1);
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
    assert_eq!(shell.rows(&["session", "list", "alice"]), [Value::Null; 0]);
}

#[tokio::test]
async fn a_command_that_cannot_says_why_in_one_sentence() {
    let shell = Shell::new().await;
    shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let again = shell.failure(&["user", "create", "ALICE@example.com", "--password-stdin"], GOOD);
    assert_eq!(again, "sidegate: the email address is taken by another account\n");
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
    let keys = shell.rows(&["keys", "list"]);
    let mut states = keys
        .iter()
        .map(|key| key["state"].as_str().unwrap())
        .collect::<Vec<_>>();
    states.sort_unstable();
    assert_eq!(states, ["active", "next", "retired"]);
    assert!(shell.failure(&["keys", "rotate"], "").contains("--now"));
    let (pem, kid) = es256_pem();
    let file = shell.dir.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    shell.json(&["keys", "import", file.to_str().unwrap()], "");
    let next = shell.keys_in("next");
    assert_eq!((next.len(), &next[0]["kid"]), (1, &kid.into()));
}

#[tokio::test]
async fn a_key_is_imported_only_if_the_running_instances_would_keep_it() {
    let mut shell = Shell::new().await;
    shell.json(&["keys", "rotate"], "");
    let rsa = |bits: &str| format!("{}/src/keys/testdata/rsa_{bits}.pem", env!("CARGO_MANIFEST_DIR"));
    let other = shell.failure(&["keys", "import", &rsa("3072")], "");
    assert!(
        other.contains("the key is for RS256, and `auth.signing.algorithm` is ES256: set it to RS256"),
        "{other}"
    );

    shell.configure(|yaml| yaml["auth"]["signing"]["algorithm"] = "RS256".into());
    let short = shell.failure(&["keys", "import", &rsa("2048")], "");
    assert!(
        short.contains("an RSA key of 2048 bits is refused for signing: expected 3072 to 4096"),
        "{short}"
    );
    shell.json(&["keys", "import", &rsa("3072")], "");
    let next = shell.keys_in("next");
    assert_eq!((next.len(), &next[0]["algorithm"]), (1, &"RS256".into()));

    shell.json(&["keys", "rotate", "--now"], "");
    shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let minted = shell.json(&["token", "mint", "alice@example.com"], "");
    let seen = shell.json(&["token", "inspect"], minted["access_token"].as_str().unwrap());
    assert_eq!(
        (&seen["signature"], &seen["header"]["alg"]),
        (&"valid".into(), &"RS256".into())
    );
    assert_eq!(shell.keys_in("next").len(), 0, "the next one has to be imported, too");
}

/// An ES256 key as `openssl genpkey` writes it, and its id.
fn es256_pem() -> (String, String) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    provider::install();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let body = STANDARD.encode(key.to_der());
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    (pem, key.kid().to_owned())
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
    assert!(
        shell
            .failure(&["token", "inspect"], "not a token")
            .contains("not a JWT")
    );
}

#[tokio::test]
async fn an_account_is_locked_deleted_and_brought_back_by_command() {
    let shell = Shell::new().await;
    let created = shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let id = created["id"].as_str().unwrap();
    let shown = |field: &str| shell.json(&["user", "show", id], "")[field].clone();

    shell.json(&["user", "lock", "alice@example.com"], "");
    assert!(shown("locked_until").is_string());
    assert_eq!(shell.rows(&["user", "list", "--locked"]).len(), 1);
    shell.json(&["user", "unlock", "alice@example.com"], "");
    assert_eq!(shown("locked_until"), Value::Null);

    shell.json(&["user", "force-reset", "alice@example.com"], "");
    assert!(shown("password_reset_required_at").is_string());
    shell.json(
        &["user", "set-password", "alice@example.com", "--password-stdin"],
        "lantern-osprey-44-quarrel\n",
    );
    assert_eq!(
        shown("password_reset_required_at"),
        Value::Null,
        "what was wanted is done"
    );
    shell.json(&["user", "revoke-sessions", "alice@example.com"], "");

    shell.json(&["user", "delete", "alice@example.com"], "");
    assert!(
        shell
            .failure(&["user", "delete", "alice@example.com"], "")
            .contains("no account")
    );
    assert_eq!(shell.rows(&["user", "list"]), [Value::Null; 0]);
    assert_eq!(shell.rows(&["user", "list", "--deleted"])[0]["id"], id);
    assert_eq!(shell.rows(&["user", "list", "--with-deleted"])[0]["id"], id);
    assert_eq!(shell.json(&["user", "restore", id], "")["deleted_at"], Value::Null);
    assert_eq!(
        shell.failure(&["user", "restore", id], ""),
        "sidegate: the account is not deleted\n"
    );

    let audit = shell.run(&["audit", "--user", id], "");
    let text = String::from_utf8(audit.stdout).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.inspect(|event| assert_eq!(event["actor"], Value::Null, "the command line has no account"));
    let words = events
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(
        words,
        [
            "user_created",
            "user_locked",
            "user_unlocked",
            "password_reset_required",
            "password_set",
            "sessions_revoked",
            "user_deleted",
            "user_restored"
        ]
    );
}

#[tokio::test]
async fn a_right_that_would_be_two_in_a_header_is_not_given() {
    let shell = Shell::new().await;
    shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
    let refused = shell.failure(&["user", "grant", "alice@example.com", "--role", "staff,admin"], "");
    assert!(refused.starts_with("sidegate: roles: "), "{refused}");
    let taken = [
        "user",
        "grant",
        "alice@example.com",
        "--role",
        "staff",
        "--role",
        "other",
    ];
    assert_eq!(shell.json(&taken, "")["roles"], serde_json::json!(["other", "staff"]));
    let left = shell.json(&["user", "grant", "alice@example.com", "--without-role", "other"], "");
    assert_eq!(left["roles"], serde_json::json!(["staff"]));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_command() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let command = |arguments: &[&str]| sidecar.command(&[arguments, &["--output", "json"]].concat());
    let listed = json_lines(&command(&["session", "list", "alice"]).stdout);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(command(&["session", "revoke", id]).status.success());
    assert_eq!(command(&["session", "revoke", id]).status.code(), Some(1), "it is over");
    wait_until(
        "the running instance knows the revocation",
        Duration::from_secs(5),
        async || {
            let answer = sidecar.get("/x").bearer(&alice.access_token).send().await;
            answer.text().contains(r#""code":"revoked""#)
        },
    )
    .await;
    let table = sidecar.command(&["session", "list", "alice"]);
    assert_eq!(
        String::from_utf8(table.stdout).unwrap().lines().count(),
        1,
        "a head and no row"
    );
}

#[tokio::test]
async fn a_key_is_retired_by_command() {
    let shell = Shell::new().await;
    let minted = {
        shell.json(&["user", "create", "alice@example.com", "--password-stdin"], GOOD);
        shell.json(&["token", "mint", "alice@example.com"], "")
    };
    let keys = shell.rows(&["keys", "list"]);
    let active = keys.iter().find(|key| key["state"] == "active").unwrap();
    shell.json(&["keys", "retire", active["kid"].as_str().unwrap()], "");
    let seen = shell.json(&["token", "inspect"], minted["access_token"].as_str().unwrap());
    assert_eq!(seen["signature"], "unknown key", "its tokens are refused");
}

/// One id in 64 begins like an option.
#[tokio::test]
async fn a_key_whose_id_begins_with_a_hyphen_is_looked_up() {
    let shell = Shell::new().await;
    assert_eq!(
        shell.failure(&["keys", "retire", "-fA3x"], ""),
        "sidegate: there is no key -fA3x\n"
    );
}

#[test]
fn every_shell_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(["completions", shell])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for word in ["audit", "force-reset", "restore", "revoke-sessions", "inspect"] {
            assert!(text.contains(word), "{shell} does not complete {word}");
        }
    }
}
