//! Retries of a client whose response was lost: they get a response, and nothing is done twice. `docs/retries.md` tells
//! clients the same.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Authenticator, PASSWORD, Request, Sidecar, TestSidecar, wait_until};

const ALICE: &str = "alice@example.com";
const NEW: &str = "tepid-gravel-19-walnut";

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn count(sidecar: &Sidecar, of: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {of}");
    sidecar.database().await.query_one(&sql, &[]).await.unwrap().get(0)
}

/// `kill -9` between the commit and the response. The network to PostgreSQL is slow, so that there is a row of
/// `committed` before the process gets the result; but not so slow that the endpoint's deadline of ten seconds is over.
async fn dies_before_it_answers(sidecar: &mut Sidecar, request: Request, committed: &str) {
    sidecar.postgres_network().delay(Duration::from_millis(200));
    let mut connection = sidecar.connect().await;
    connection.send(&request.to_bytes()).await;
    let database = sidecar.database().await;
    let sql = format!("SELECT count(*) FROM {committed}");
    wait_until("it is committed", Duration::from_secs(30), async || {
        database.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
    sidecar.signal(Signal::KILL);
    let answer = connection.answer(false).await;
    assert!(answer.is_none(), "the response was not lost: {answer:?}");
    sidecar.postgres_network().heal();
    sidecar.restart().await;
}

fn reset(sidecar: &Sidecar, token: &str, password: &str) -> Request {
    let body = json!({ "token": token, "password": password });
    sidecar.post("/auth/password/reset").json(&body)
}

async fn link(sidecar: &Sidecar) -> String {
    let asked = sidecar.post("/auth/password/forgot").json(&json!({ "email": ALICE }));
    assert_eq!(asked.send().await.status(), 202);
    sidecar.emailed_secret(ALICE, "password_reset").await
}

#[tokio::test]
async fn a_reset_whose_process_dies_after_the_commit_can_be_retried() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let token = link(&sidecar).await;
    let request = reset(&sidecar, &token, NEW);
    dies_before_it_answers(&mut sidecar, request, "password_reset_tokens WHERE used_at IS NOT NULL").await;

    wait_until(
        "older tokens stay invalid after a retry",
        Duration::from_secs(10),
        async || sidecar.get("/app").bearer(&alice.access_token).send().await.status() == 401,
    )
    .await;

    let again = reset(&sidecar, &token, NEW).send().await;

    assert_eq!(again.status(), 204, "{}", again.text());
    assert_eq!(count(&sidecar, "audit_logs WHERE event = 'password_reset'").await, 1);
    assert_eq!(sidecar.count_messages(ALICE, "password_changed").await, 1);
    assert_eq!(
        refused(&reset(&sidecar, &token, PASSWORD).send().await),
        is(400, "reset_token_invalid"),
        "with another password it was used"
    );
    assert_eq!(
        refused(&sidecar.refresh(&alice.refresh_token).await),
        is(401, "refresh_revoked")
    );
    let signed_in = sidecar.try_login(ALICE, NEW).await.json();
    assert_eq!(reset(&sidecar, &token, NEW).send().await.status(), 204);
    let refreshed = sidecar.refresh(signed_in["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status(), 200, "a retry ends no session that was opened since");
}

#[tokio::test]
async fn a_used_link_cannot_be_retried_after_a_minute_after_a_change_or_by_guessing() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    let token = link(&sidecar).await;
    assert_eq!(reset(&sidecar, &token, NEW).send().await.status(), 204);
    let database = sidecar.database().await;
    let earlier = "UPDATE password_reset_tokens SET used_at = used_at - interval '61 s'";
    database.execute(earlier, &[]).await.unwrap();
    let same = "UPDATE users SET password_changed_at = (SELECT max(used_at) FROM password_reset_tokens)";
    database.execute(same, &[]).await.unwrap();
    assert_eq!(
        refused(&reset(&sidecar, &token, NEW).send().await),
        is(400, "reset_token_invalid"),
        "too late"
    );

    let token = link(&sidecar).await;
    assert_eq!(reset(&sidecar, &token, PASSWORD).send().await.status(), 204);
    let access = sidecar.try_login(ALICE, PASSWORD).await.json()["access_token"].clone();
    let body = json!({ "password": PASSWORD, "new_password": "brisk-anvil-40-meadow" });
    let changed = sidecar
        .post("/auth/password/change")
        .bearer(access.as_str().unwrap())
        .json(&body);
    assert_eq!(changed.send().await.status(), 204);
    for password in [PASSWORD, "brisk-anvil-40-meadow"] {
        let late = reset(&sidecar, &token, password).send().await;
        assert_eq!(refused(&late), is(400, "reset_token_invalid"), "{password}");
    }

    let token = link(&sidecar).await;
    assert_eq!(reset(&sidecar, &token, NEW).send().await.status(), 204);
    for guess in 0..5 {
        let wrong = reset(&sidecar, &token, &format!("guess-{guess}-osprey-lantern"))
            .send()
            .await;
        assert_eq!(refused(&wrong), is(400, "reset_token_invalid"));
    }
    let right = reset(&sidecar, &token, NEW).send().await;
    assert_eq!(refused(&right), is(400, "reset_token_invalid"), "after five guesses");
    assert_eq!(sidecar.try_login(ALICE, NEW).await.status(), 200, "the owner signs in");
}

#[tokio::test]
async fn a_verification_whose_process_dies_after_the_commit_can_be_retried() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    sidecar.user("alice").await;
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;
    let body = json!({ "email": ALICE, "code": code });
    let request = sidecar.post("/auth/email/verify").json(&body);
    dies_before_it_answers(&mut sidecar, request, "users WHERE email_verified_at IS NOT NULL").await;

    let again = sidecar.post("/auth/email/verify").json(&body).send().await;

    assert_eq!(again.status(), 204, "{}", again.text());
    assert_eq!(count(&sidecar, "audit_logs WHERE event = 'email_verified'").await, 1);
}

#[tokio::test]
async fn a_registration_whose_process_dies_after_the_commit_makes_one_account_and_one_message() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    let body = json!({ "email": ALICE, "password": PASSWORD });
    let request = sidecar.post("/auth/register").json(&body);
    dies_before_it_answers(&mut sidecar, request, "users").await;

    let again = sidecar.post("/auth/register").json(&body).send().await;

    assert_eq!(again.status(), 202, "{}", again.text());
    assert_eq!(count(&sidecar, "users").await, 1);
    assert_eq!(sidecar.messages(ALICE).await.len(), 1);
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;
    let verified = sidecar
        .post("/auth/email/verify")
        .json(&json!({ "email": ALICE, "code": code }));
    assert_eq!(verified.send().await.status(), 204, "the code in the message works");
    sidecar.login(ALICE).await;
    // The near miss: now another client tries.
    assert_eq!(sidecar.post("/auth/register").json(&body).send().await.status(), 202);
    assert_eq!(sidecar.count_messages(ALICE, "registration_attempted").await, 1);
}

#[tokio::test]
async fn a_registration_with_an_invitation_can_be_retried_with_the_same_password() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    let invited = sidecar.command(&["user", "invite", ALICE, "--role", "staff"]);
    assert!(invited.status.success(), "{}", String::from_utf8_lossy(&invited.stderr));
    let token = sidecar.emailed_secret(ALICE, "invitation").await;
    let body = |password: &str| json!({ "email": ALICE, "password": password, "invitation": token });
    let request = sidecar.post("/auth/register").json(&body(PASSWORD));
    dies_before_it_answers(&mut sidecar, request, "users").await;

    let again = sidecar.post("/auth/register").json(&body(PASSWORD)).send().await;

    assert_eq!(again.status(), 202, "{}", again.text());
    assert_eq!(count(&sidecar, "users").await, 1);
    assert_eq!(sidecar.messages(ALICE).await.len(), 1, "the invitation");
    let other = sidecar.post("/auth/register").json(&body(NEW)).send().await;
    assert_eq!(refused(&other), is(403, "invitation_invalid"));
}

#[tokio::test]
async fn a_second_step_whose_process_dies_after_the_commit_is_repeated_by_signing_in_again() {
    let mut sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let post = |target: &str, body: Value| sidecar.post(target).bearer(&alice.access_token).json(&body);
    let begun = post("/auth/mfa/totp", json!({ "password": PASSWORD }))
        .send()
        .await
        .json();
    let phone = Authenticator::typed(begun["secret"].as_str().unwrap());
    let confirmed = post("/auth/mfa/totp/confirm", json!({ "code": phone.code(0) }))
        .send()
        .await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    // As if a minute had passed: there are two more codes now.
    let database = sidecar.database().await;
    let earlier = "UPDATE totp_factors SET last_step = last_step - 2";
    database.execute(earlier, &[]).await.unwrap();
    let asked = sidecar.try_login(ALICE, PASSWORD).await.json();
    let step = |code: &str| json!({ "mfa_token": asked["mfa_token"], "totp": code });
    let shown = phone.code(0);
    let request = sidecar.post("/auth/login/mfa").json(&step(&shown));
    dies_before_it_answers(&mut sidecar, request, "audit_logs WHERE event = 'mfa_succeeded'").await;

    for code in [&shown, &phone.code(1)] {
        let again = sidecar.post("/auth/login/mfa").json(&step(code)).send().await;
        assert_eq!(refused(&again), is(401, "mfa_token_invalid"), "it opened a session");
    }
    let asked = sidecar.try_login(ALICE, PASSWORD).await.json();
    let step = |code: &str| json!({ "mfa_token": asked["mfa_token"], "totp": code });
    let same = sidecar.post("/auth/login/mfa").json(&step(&shown)).send().await;
    assert_eq!(refused(&same), is(401, "mfa_code_invalid"), "a code works once");
    let next = sidecar.post("/auth/login/mfa").json(&step(&phone.code(1))).send().await;

    assert_eq!(next.status(), 200, "{}", next.text());
    let access = next.json()["access_token"].as_str().unwrap().to_owned();
    let open = sidecar.get("/auth/sessions").bearer(&access).send().await.json();
    let open = open["sessions"].as_array().unwrap().len();
    assert_eq!(
        open, 3,
        "the first, this one, and the one whose response was lost, to be seen and ended"
    );
}
