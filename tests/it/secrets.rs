//! The rotation of `auth.secret`, with the real binary.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::config::SECRET;
use crate::support::{Answer, Authenticator, PASSWORD, Sidecar, TestSidecar, User};

const NEW_SECRET: &str = "5Z5IMZHk8m8ieTQk8G6Lyztn8n92sYNtma0gXkXFfnk=";
const STRANGER: &str = "+KivFYXvhkCfapPMBUupbh/ZM7AbcML9pgfgQO+uzM8=";

fn secrets(current: &str, previous: &[&str]) -> String {
    format!("auth: {{ secret: {current:?}, previous_secrets: {previous:?} }}")
}

/// Restarts the instance with other secrets.
async fn restart_with(sidecar: &mut Sidecar, current: &str, previous: &[&str]) {
    sidecar.reconfigure(&secrets(current, previous));
    sidecar.restart().await;
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

async fn enrol(sidecar: &Sidecar, user: &User) -> (Authenticator, Vec<String>) {
    let post = async |path: &str, body: Value| {
        let answer = sidecar.post(path).bearer(&user.access_token).json(&body).send().await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()
    };
    let begun = post("/auth/mfa/totp", json!({ "password": PASSWORD })).await;
    let phone = Authenticator::typed(begun["secret"].as_str().unwrap());
    let confirmed = post("/auth/mfa/totp/confirm", json!({ "code": phone.code(0) })).await;
    (
        phone,
        serde_json::from_value(confirmed["recovery_codes"].clone()).unwrap(),
    )
}

/// Types the password and gets the MFA token.
async fn mfa_token(sidecar: &Sidecar, email: &str) -> String {
    let asked = sidecar.try_login(email, PASSWORD).await;
    assert_eq!(asked.status(), 200, "{}", asked.text());
    asked.json()["mfa_token"].as_str().unwrap().to_owned()
}

async fn second_step(sidecar: &Sidecar, mfa_token: &str, kind: &str, code: &str) -> Answer {
    let body = json!({ "mfa_token": mfa_token, kind: code });
    sidecar.post("/auth/login/mfa").json(&body).send().await
}

#[tokio::test]
async fn what_clients_hold_and_the_database_stores_survives_a_rotation() {
    let mut sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_account: 6, window: 1h } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let (phone, codes) = enrol(&sidecar, &alice).await;
    let bob = sidecar.user("bob").await;
    let carol = sidecar.user("carol").await;
    let bobs_code = sidecar.emailed_secret(&bob.email, "email_verification").await;
    let device = sidecar.try_login(&bob.email, PASSWORD).await.json()["device_token"].clone();
    let asked_before = mfa_token(&sidecar, &alice.email).await;

    restart_with(&mut sidecar, NEW_SECRET, &[SECRET]).await;

    // Held by clients: an MFA token, a refresh token, an emailed code, a device token. Stored: a TOTP secret, a
    // recovery code.
    let signed_in = second_step(&sidecar, &asked_before, "totp", &phone.code(1)).await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    let asked = mfa_token(&sidecar, &alice.email).await;
    let signed_in = second_step(&sidecar, &asked, "recovery_code", &codes[0]).await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    let refreshed = sidecar.refresh(&bob.refresh_token).await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    let verification = json!({ "email": bob.email, "code": bobs_code });
    let verified = sidecar.post("/auth/email/verify").json(&verification).send().await;
    assert_eq!(verified.status(), 204, "{}", verified.text());
    // An attacker uses up the limit of the account; the known device has one of its own.
    while sidecar.try_login(&bob.email, PASSWORD).await.status() != 429 {}
    let known = json!({ "email": bob.email, "password": PASSWORD, "device_token": device });
    assert_eq!(sidecar.post("/auth/login").json(&known).send().await.status(), 200);

    let (code, out, err) = text(&sidecar.command(&["secrets", "reseal"]));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.contains("totp_factors: 1 values, 1 re-encrypted\nrecovery_codes: 10 values, 10 re-encrypted\n"),
        "{out}"
    );
    assert!(out.contains("keep auth.previous_secrets until "), "{out}");
    let (code, again, _) = text(&sidecar.command(&["secrets", "reseal"]));
    assert_eq!(code, Some(0));
    assert!(again.contains("recovery_codes: 10 values, 0 re-encrypted\n"), "{again}");
    assert_eq!(
        again.lines().last(),
        out.lines().last(),
        "the day stays that of the first run"
    );

    restart_with(&mut sidecar, NEW_SECRET, &[]).await;
    let asked = mfa_token(&sidecar, &alice.email).await;
    let signed_in = second_step(&sidecar, &asked, "recovery_code", &codes[1]).await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    // Tokens of the old secret do not work any more.
    let forgotten = sidecar.post("/auth/login").json(&known).send().await;
    assert_eq!((forgotten.status(), forgotten.code()), (429, "rate_limited".to_owned()));
    assert_eq!(sidecar.refresh(&carol.refresh_token).await.status(), 401);
    let renewed = refreshed.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(sidecar.refresh(&renewed).await.status(), 200);
}

#[tokio::test]
async fn an_instance_without_the_old_secret_says_which_key_to_change() {
    let sidecar = TestSidecar::new().start().await;
    let mut lost = TestSidecar::beside(&sidecar)
        .config(&secrets(NEW_SECRET, &[STRANGER]))
        .spawn()
        .await;
    assert!(!lost.exit().await.success(), "it must not serve without its keys");
    assert!(
        lost.logs().contains("add that secret to `auth.previous_secrets`"),
        "{}",
        lost.logs()
    );

    let (code, out, err) = text(&lost.command(&["secrets", "reseal"]));
    assert_eq!(code, Some(1), "{out}");
    assert!(
        err.contains("signing_keys: 2 values") && err.contains("auth.previous_secrets"),
        "{err}"
    );
    assert!(!out.contains("everything"), "{out}");
}

#[tokio::test]
async fn instances_with_the_two_secrets_swapped_understand_each_other() {
    let old = TestSidecar::new().config(&secrets(SECRET, &[NEW_SECRET])).start().await;
    let new = TestSidecar::beside(&old)
        .config(&secrets(NEW_SECRET, &[SECRET]))
        .start()
        .await;
    for (one, other, name) in [(&old, &new, "alice"), (&new, &old, "bob")] {
        let user = one.user(name).await;
        let (phone, _) = enrol(one, &user).await;
        let asked = mfa_token(one, &user.email).await;
        let signed_in = second_step(other, &asked, "totp", &phone.code(1)).await;
        assert_eq!(signed_in.status(), 200, "{name}: {}", signed_in.text());
        assert_eq!(other.refresh(&user.refresh_token).await.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_value_that_is_locked_is_moved_in_a_later_round() {
    let mut sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    enrol(&sidecar, &alice).await;
    restart_with(&mut sidecar, NEW_SECRET, &[SECRET]).await;

    let mut database = sidecar.database().await;
    let held = database.transaction().await.unwrap();
    held.execute("SELECT FROM totp_factors FOR UPDATE", &[]).await.unwrap();
    let resealing = sidecar.command(&["secrets", "reseal"]);
    let (code, out, err) = text(&resealing);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("totp_factors: 1 values, 0 re-encrypted"), "{out}");
    assert!(
        err.contains("totp_factors: 1 values were locked by other transactions"),
        "{err}"
    );

    held.rollback().await.unwrap();
    let (code, out, _) = text(&sidecar.command(&["secrets", "reseal"]));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("totp_factors: 1 values, 1 re-encrypted"), "{out}");
}
