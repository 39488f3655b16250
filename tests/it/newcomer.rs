//! A client written from the documentation only: it has `sidegate dev`, the OpenAPI document, and an authenticator app.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Authenticator, Eml, Playground, Request, place, wait_until};

const EMAIL: &str = "robin@example.com";
const PASSWORD: &str = "quarrel-lantern-71-osprey";
const NEW: &str = "tepid-gravel-19-walnut";

/// A client that calls only documented operations.
struct Newcomer<'a> {
    playground: &'a Playground,
    document: Value,
    /// The operations that were called, so that the test can check that there were some.
    called: HashSet<String>,
}

impl<'a> Newcomer<'a> {
    async fn arrive(playground: &'a Playground) -> Self {
        let document = Request::new(playground.listen.number(), "GET", "/auth/openapi.json");
        Self {
            playground,
            document: document.send().await.json(),
            called: HashSet::new(),
        }
    }

    /// Calls an operation by its name in the document: `DELETE /auth/sessions/{id}`, with a value for `{id}`.
    async fn call(&mut self, operation: &str, id: &str, token: Option<&str>, body: Value) -> Answer {
        let (method, path) = operation.split_once(' ').unwrap();
        let described = &self.document["paths"][path][method.to_lowercase()];
        assert!(described.is_object(), "{operation} is not described");
        self.called.insert(operation.to_owned());
        let answer = self.send(method, &path.replace("{id}", id), token, body).await;
        let status = answer.status().to_string();
        assert!(described["responses"].get(&status).is_some(), "{operation}: {status}");
        answer
    }

    /// Calls an operation, which has to succeed.
    async fn done(&mut self, operation: &str, token: Option<&str>, body: Value) -> Value {
        let answer = self.call(operation, "", token, body).await;
        assert!(answer.status() < 300, "{operation}: {}", answer.text());
        serde_json::from_slice(answer.body()).unwrap_or_default()
    }

    async fn send(&self, method: &str, target: &str, token: Option<&str>, body: Value) -> Answer {
        let mut request = Request::new(self.playground.listen.number(), method, target);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().await
    }

    /// Signs in with both factors and returns the access token.
    async fn sign_in(&mut self, device: &str, password: &str, factor: &str, code: &str) -> String {
        let body = json!({ "email": EMAIL, "password": password, "device_name": device });
        let asked = self.done("POST /auth/login", None, body).await;
        assert_eq!(asked["mfa_required"], true, "{asked}");
        let body = json!({ "mfa_token": asked["mfa_token"], factor: code });
        let signed_in = self.done("POST /auth/login/mfa", None, body).await;
        signed_in["access_token"].as_str().unwrap().to_owned()
    }

    /// The application behind the gate: the status, and the code of a refusal.
    async fn application(&self, token: &str) -> (u16, String) {
        let answer = self.send("GET", "/hello", Some(token), Value::Null).await;
        let code = if answer.status() == 200 {
            String::new()
        } else {
            answer.code()
        };
        (answer.status(), code)
    }

    /// Waits for a message of a kind and reads it.
    async fn message(&self, kind: &str) -> String {
        let folder = self.playground.announced("email");
        let folder = Path::new(folder.strip_suffix(", a file for each message").unwrap());
        let find = || {
            let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
            files.sort_by_key(std::fs::DirEntry::file_name);
            files
                .iter()
                .rev()
                .find(|file| file.file_name().to_string_lossy().ends_with(&format!("-{kind}.eml")))
                .map(|file| Eml::read(&std::fs::read_to_string(file.path()).unwrap()))
                .filter(|message| message.header("To") == EMAIL)
        };
        wait_until("the message is there", Duration::from_secs(30), async || {
            find().is_some()
        })
        .await;
        find().unwrap().text
    }

    /// The audit log of the command line, the oldest entry first.
    fn audit(&self, dir: &Path) -> Vec<String> {
        let secret = std::fs::read_to_string(dir.join("secret")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(["audit", "--output", "json", "--user", EMAIL, "--config"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/config/dev.yaml"))
            .env("SIDEGATE_DEV_DATABASE_URL", self.playground.announced("PostgreSQL"))
            .env("SIDEGATE_DEV_REDIS_URL", self.playground.announced("Redis"))
            .env("SIDEGATE_DEV_SECRET", secret.trim())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
        text.lines()
            .map(|line| event(line).as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn a_newcomer_does_everything_with_the_description_the_mail_and_an_authenticator() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let mut robin = Newcomer::arrive(&playground).await;

    let body = json!({ "email": EMAIL, "password": PASSWORD });
    robin.done("POST /auth/register", None, body.clone()).await;
    let message = robin.message("email_verification").await;
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = message
        .split_whitespace()
        .find(is_code)
        .expect("the message has a code");
    let typed = json!({ "email": EMAIL, "code": code });
    robin.done("POST /auth/email/verify", None, typed).await;

    let first = robin.done("POST /auth/login", None, body).await;
    let first = first["access_token"].as_str();
    assert_eq!(
        robin.done("GET /auth/me", first, Value::Null).await["email_verified"],
        true
    );
    let begun = robin
        .done("POST /auth/mfa/totp", first, json!({ "password": PASSWORD }))
        .await;
    let phone = Authenticator::typed(begun["secret"].as_str().unwrap());
    let confirmed = robin
        .done("POST /auth/mfa/totp/confirm", first, json!({ "code": phone.code(0) }))
        .await;
    let spare = |number: usize| confirmed["recovery_codes"][number].as_str().unwrap();
    robin.done("POST /auth/logout", first, json!({})).await;

    // The second device signs in before the authenticator app has another unused code, so it uses a recovery code.
    let laptop = robin.sign_in("laptop", PASSWORD, "totp", &phone.code(1)).await;
    let tablet = robin.sign_in("tablet", PASSWORD, "recovery_code", spare(0)).await;
    let open = robin.done("GET /auth/sessions", Some(&laptop), Value::Null).await;
    let open = open["sessions"].as_array().unwrap();
    let mut devices: Vec<_> = open.iter().map(|session| session["device_name"].as_str()).collect();
    devices.sort_unstable();
    assert_eq!(devices, [Some("laptop"), Some("tablet")]);
    assert_eq!(robin.application(&tablet).await, (200, String::new()));

    let other = open.iter().find(|session| session["device_name"] == "tablet").unwrap();
    let id = other["id"].as_str().unwrap();
    let ended = robin
        .call("DELETE /auth/sessions/{id}", id, Some(&laptop), Value::Null)
        .await;
    assert_eq!(ended.status(), 204, "{}", ended.text());
    assert_eq!(robin.application(&tablet).await, (401, "revoked".to_owned()));
    assert_eq!(robin.application(&laptop).await.0, 200, "the other one stays");

    robin
        .done("POST /auth/password/forgot", None, json!({ "email": EMAIL }))
        .await;
    let message = robin.message("password_reset").await;
    let token = &message[message.find("sgp_").expect("the message has a link")..][..47];
    let chosen = json!({ "token": token, "password": NEW });
    robin.done("POST /auth/password/reset", None, chosen).await;
    assert_eq!(robin.application(&laptop).await.0, 401);
    let again = robin.sign_in("laptop", NEW, "recovery_code", spare(1)).await;
    assert_eq!(robin.application(&again).await.0, 200);

    // Events of one request have one time, and no order among them: one of each request is looked for.
    let steps = [
        "user_registered",
        "email_verified",
        "login_succeeded",
        "mfa_enrolled",
        "mfa_confirmed",
        "logged_out",
        "login_succeeded",
        "login_succeeded",
        "session_revoked",
        "password_reset_requested",
        "password_reset",
        "login_succeeded",
    ];
    let mut found = robin.audit(dir.path());
    found.retain(|event| steps.contains(&event.as_str()));
    assert_eq!(found, steps);
    assert!(robin.called.len() >= 12, "{:?}", robin.called);
}
