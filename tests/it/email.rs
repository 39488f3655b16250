//! Verification of email addresses with a code, and their change with two codes.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Sidecar, TestSidecar, claims};

const ALICE: &str = "alice@example.com";
const MOVED: &str = "alice@example.org";

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn verify(sidecar: &Sidecar, email: &str, code: &str) -> Answer {
    let body = json!({ "email": email, "code": code });
    sidecar.post("/auth/email/verify").json(&body).send().await
}

async fn resend(sidecar: &Sidecar, email: &str) -> Answer {
    sidecar
        .post("/auth/email/verify/resend")
        .json(&json!({ "email": email }))
        .send()
        .await
}

async fn change(sidecar: &Sidecar, token: &str, new_email: &str, password: &str) -> Answer {
    let body = json!({ "new_email": new_email, "password": password });
    sidecar
        .post("/auth/email/change")
        .bearer(token)
        .json(&body)
        .send()
        .await
}

async fn confirm(sidecar: &Sidecar, token: &str, code_old: &str, code_new: &str) -> Answer {
    let body = json!({ "code_old": code_old, "code_new": code_new });
    sidecar
        .post("/auth/email/change/confirm")
        .bearer(token)
        .json(&body)
        .send()
        .await
}

/// Six digits that are not these.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('1') { "2" } else { "1" };
    format!("{first}{}", &code[1..])
}

async fn is_verified(sidecar: &Sidecar, token: &str) -> Value {
    sidecar.get("/auth/me").bearer(token).send().await.json()["email_verified"].clone()
}

#[tokio::test]
async fn the_code_sent_after_registration_verifies_the_email_address() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    assert_eq!(is_verified(&sidecar, &alice.access_token).await, false);
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;

    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    let verified = verify(&sidecar, "Alice@Example.COM", &spaced).await;

    assert_eq!(verified.status(), 204, "{}", verified.text());
    assert_eq!(is_verified(&sidecar, &alice.access_token).await, true);
    let refreshed = sidecar.refresh(&alice.refresh_token).await.json();
    assert_eq!(
        claims(refreshed["access_token"].as_str().unwrap())["email_verified"],
        true
    );
    // A retry of a client whose response was lost.
    assert_eq!(verify(&sidecar, ALICE, &code).await.status(), 204);
    assert_eq!(
        refused(&verify(&sidecar, ALICE, &wrong(&code)).await),
        is(400, "email_code_invalid"),
        "another code confirms nothing, also after the right one"
    );
}

#[tokio::test]
async fn a_signed_in_user_sends_only_the_code() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let bob = sidecar.user("bob").await;
    let body = json!({ "code": sidecar.emailed_secret(ALICE, "email_verification").await });
    let typed = |token: Option<String>| {
        let request = sidecar.post("/auth/email/verify").json(&body);
        let request = match token {
            Some(token) => request.bearer(&token),
            None => request,
        };
        request.send()
    };
    assert_eq!(refused(&typed(None).await), is(401, "credentials_missing"));
    assert_eq!(
        refused(&typed(Some(bob.access_token)).await),
        is(400, "email_code_invalid"),
        "another's code"
    );
    assert_eq!(typed(Some(alice.access_token.clone())).await.status(), 204);
    assert_eq!(is_verified(&sidecar, &alice.access_token).await, true);
}

#[tokio::test]
async fn five_wrong_codes_use_a_code_up_and_an_unknown_address_looks_like_one() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;
    let unknown = verify(&sidecar, "nobody@example.com", &code).await;
    for n in 0..5 {
        let answer = verify(&sidecar, ALICE, &wrong(&code)).await;
        assert_eq!(refused(&answer), is(400, "email_code_invalid"), "{n}");
        let without_id = |answer: &Answer| {
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("request_id");
            body
        };
        assert_eq!(without_id(&answer), without_id(&unknown));
    }
    assert_eq!(
        refused(&verify(&sidecar, ALICE, &code).await),
        is(400, "email_code_invalid")
    );
    assert_eq!(is_verified(&sidecar, &alice.access_token).await, false);

    // The near miss: four wrong ones do not.
    assert_eq!(resend(&sidecar, ALICE).await.status(), 202);
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;
    for _ in 0..4 {
        assert_eq!(verify(&sidecar, ALICE, &wrong(&code)).await.status(), 400);
    }
    assert_eq!(verify(&sidecar, ALICE, &code).await.status(), 204);
}

#[tokio::test]
async fn a_new_code_replaces_the_old_one_and_the_response_does_not_reveal_whether_it_was_sent() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    let first = sidecar.emailed_secret(ALICE, "email_verification").await;
    let known = resend(&sidecar, ALICE).await;
    let unknown = resend(&sidecar, "nobody@example.com").await;
    assert_eq!((known.status(), known.text()), (202, unknown.text()));
    assert_eq!(unknown.status(), 202);
    assert!(sidecar.messages("nobody@example.com").await.is_empty());
    let second = sidecar.emailed_secret(ALICE, "email_verification").await;
    // One in a million they are the same.
    if first != second {
        assert_eq!(verify(&sidecar, ALICE, &first).await.status(), 400);
    }
    assert_eq!(verify(&sidecar, ALICE, &second).await.status(), 204);
    assert_eq!(resend(&sidecar, ALICE).await.text(), unknown.text());
    assert_eq!(
        sidecar.count_messages(ALICE, "email_verification").await,
        2,
        "none for an address that is confirmed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_comes_to_two_instances_at_once_confirms_once() {
    let first = TestSidecar::new().start().await;
    let second = TestSidecar::beside(&first).start().await;
    first.user("alice").await;
    let code = first.emailed_secret(ALICE, "email_verification").await;
    let tries = (0..20).map(|n| verify(if n % 2 == 0 { &first } else { &second }, ALICE, &code));
    let answers = join_all(tries).await;
    // One effect; the others get the response of a retry.
    assert!(answers.iter().all(|answer| answer.status() == 204));
    let count = "SELECT count(*) FROM audit_logs WHERE event = 'email_verified'";
    let verified = first.database().await.query_one(count, &[]).await.unwrap();
    assert_eq!(verified.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn an_address_changes_with_the_codes_of_both_mailboxes() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let forgot = json!({ "email": ALICE });
    sidecar.post("/auth/password/forgot").json(&forgot).send().await;
    let token = &alice.access_token;

    assert_eq!(
        change(&sidecar, token, " Alice@Example.org ", PASSWORD).await.status(),
        202
    );
    let old = sidecar.emailed_secret(ALICE, "email_change_old").await;
    let new = sidecar.emailed_secret(MOVED, "email_change_new").await;
    // A mistake in either costs an attempt and uses up neither of the two.
    assert_eq!(
        refused(&confirm(&sidecar, token, &wrong(&old), &new).await),
        is(400, "email_code_invalid")
    );
    assert_eq!(
        refused(&confirm(&sidecar, token, &old, &wrong(&new)).await),
        is(400, "email_code_invalid")
    );
    let confirmed = confirm(&sidecar, token, &old, &new).await;

    assert_eq!(confirmed.status(), 204, "{}", confirmed.text());
    let outdated = sidecar.get("/app").bearer(token).send().await;
    assert_eq!(refused(&outdated), is(401, "token_outdated"), "it says the old address");
    let refreshed = sidecar.refresh(&alice.refresh_token).await.json();
    let now = claims(refreshed["access_token"].as_str().unwrap());
    assert_eq!((&now["email"], &now["email_verified"]), (&json!(MOVED), &json!(true)));
    assert_eq!(sidecar.count_messages(ALICE, "email_changed").await, 1);
    assert_eq!(
        refused(&sidecar.try_login(ALICE, PASSWORD).await),
        is(401, "bad_credentials")
    );
    assert_eq!(sidecar.try_login(MOVED, PASSWORD).await.status(), 200);
    let link = sidecar.emailed_secret(ALICE, "password_reset").await;
    let body = json!({ "token": link, "password": "tepid-gravel-19-walnut" });
    let reset = sidecar.post("/auth/password/reset").json(&body).send().await;
    assert_eq!(
        refused(&reset),
        is(400, "reset_token_invalid"),
        "the old mailbox opens nothing"
    );
}

#[tokio::test]
async fn a_taken_email_address_is_answered_like_a_free_one_and_its_owner_is_notified() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    sidecar.user("bob").await;
    let free = change(&sidecar, &alice.access_token, MOVED, PASSWORD).await;
    let taken = change(&sidecar, &alice.access_token, "bob@example.com", PASSWORD).await;
    assert_eq!((free.status(), free.text()), (202, taken.text()));
    assert_eq!(taken.status(), 202);
    assert_eq!(
        sidecar
            .count_messages("bob@example.com", "registration_attempted")
            .await,
        1
    );
    assert_eq!(sidecar.count_messages("bob@example.com", "email_change_new").await, 0);
    let old = sidecar.emailed_secret(ALICE, "email_change_old").await;
    let earlier = sidecar.emailed_secret(MOVED, "email_change_new").await;
    let answer = confirm(&sidecar, &alice.access_token, &old, &earlier).await;
    assert_eq!(refused(&answer), is(400, "email_code_invalid"));
}

#[tokio::test]
async fn a_change_of_address_needs_the_password_and_a_real_change() {
    let sidecar = TestSidecar::new()
        .config("auth: { registration: { domains: [example.com, example.org] } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let token = &alice.access_token;
    let wrong = change(&sidecar, token, MOVED, "not-her-password").await;
    assert_eq!(refused(&wrong), is(403, "bad_credentials"));
    for (new_email, code) in [
        ("ALICE@example.com", "email_unchanged"),
        ("alice", "email_invalid"),
        ("alice@elsewhere.test", "domain_not_allowed"),
    ] {
        let answer = change(&sidecar, token, new_email, PASSWORD).await;
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("new_email"), &json!(code)),
            "{new_email}"
        );
    }
    assert!(sidecar.messages(MOVED).await.is_empty());
    let nothing = confirm(&sidecar, token, "000000", "000000").await;
    assert_eq!(refused(&nothing), is(400, "email_code_invalid"));
    assert_eq!(change(&sidecar, token, MOVED, PASSWORD).await.status(), 202);
}

#[tokio::test]
async fn a_code_for_one_purpose_is_wrong_for_another() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    change(&sidecar, &alice.access_token, MOVED, PASSWORD).await;
    let verification = sidecar.emailed_secret(ALICE, "email_verification").await;
    let old = sidecar.emailed_secret(ALICE, "email_change_old").await;
    let new = sidecar.emailed_secret(MOVED, "email_change_new").await;
    // One in a million two of them are the same.
    if verification != old {
        let answer = verify(&sidecar, ALICE, &old).await;
        assert_eq!(refused(&answer), is(400, "email_code_invalid"));
        let answer = confirm(&sidecar, &alice.access_token, &verification, &new).await;
        assert_eq!(refused(&answer), is(400, "email_code_invalid"));
    }
    assert_eq!(verify(&sidecar, ALICE, &verification).await.status(), 204);
}

#[tokio::test]
async fn an_email_address_that_was_taken_meanwhile_is_reported_only_with_the_right_codes() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    change(&sidecar, &alice.access_token, MOVED, PASSWORD).await;
    let old = sidecar.emailed_secret(ALICE, "email_change_old").await;
    let new = sidecar.emailed_secret(MOVED, "email_change_new").await;
    let other = json!({ "email": MOVED, "password": PASSWORD });
    assert_eq!(sidecar.post("/auth/register").json(&other).send().await.status(), 202);
    let answer = confirm(&sidecar, &alice.access_token, &old, &new).await;
    assert_eq!(refused(&answer), is(409, "email_taken"));
    assert_eq!(sidecar.try_login(ALICE, PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn without_redis_there_are_no_codes_and_an_account_can_be_made_all_the_same() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let code = sidecar.emailed_secret(ALICE, "email_verification").await;
    sidecar.redis_network().cut();
    for answer in [
        verify(&sidecar, ALICE, &code).await,
        verify(&sidecar, "nobody@example.com", &code).await,
        resend(&sidecar, ALICE).await,
        resend(&sidecar, "nobody@example.com").await,
        change(&sidecar, &alice.access_token, MOVED, PASSWORD).await,
        confirm(&sidecar, &alice.access_token, &code, &code).await,
    ] {
        assert_eq!(refused(&answer), is(503, "unavailable"));
        assert!(answer.header("retry-after").is_some());
    }
    sidecar.user("bob").await;
    assert!(sidecar.messages("bob@example.com").await.is_empty());

    sidecar.redis_network().heal();
    crate::support::wait_until("codes are sent again", std::time::Duration::from_secs(10), async || {
        resend(&sidecar, "bob@example.com").await.status() == 202
    })
    .await;
    let code = sidecar.emailed_secret("bob@example.com", "email_verification").await;
    assert_eq!(verify(&sidecar, "bob@example.com", &code).await.status(), 204);
}

#[tokio::test]
async fn the_owner_of_an_address_learns_that_somebody_tried_to_register_with_it() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    // Within the first minute it would be a retry of her own client.
    let earlier = "UPDATE users SET created_at = created_at - interval '61 s'";
    sidecar.database().await.execute(earlier, &[]).await.unwrap();
    let again = json!({ "email": "Alice@example.com", "password": "tepid-gravel-19-walnut" });
    let free = json!({ "email": "carol@example.com", "password": "tepid-gravel-19-walnut" });
    let taken = sidecar.post("/auth/register").json(&again).send().await;
    let free = sidecar.post("/auth/register").json(&free).send().await;
    assert_eq!((taken.status(), taken.text()), (202, free.text()));
    assert_eq!(sidecar.count_messages(ALICE, "registration_attempted").await, 1);
    assert_eq!(
        sidecar.count_messages(ALICE, "email_verification").await,
        1,
        "the first one only"
    );
    assert_eq!(
        sidecar.count_messages("carol@example.com", "email_verification").await,
        1
    );
    assert_eq!(sidecar.try_login(ALICE, PASSWORD).await.status(), 200);
}
