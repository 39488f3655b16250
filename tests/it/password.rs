//! Password change, which requires the current password, and password reset, which requires access to the mailbox.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Sidecar, TestSidecar};

const NEW: &str = "tepid-gravel-19-walnut";

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn change(sidecar: &Sidecar, token: &str, password: &str, new: &str) -> Answer {
    let body = json!({ "password": password, "new_password": new });
    sidecar
        .post("/auth/password/change")
        .bearer(token)
        .json(&body)
        .send()
        .await
}

async fn forgot(sidecar: &Sidecar, email: &str) -> Answer {
    sidecar
        .post("/auth/password/forgot")
        .json(&json!({ "email": email }))
        .send()
        .await
}

async fn reset(sidecar: &Sidecar, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    sidecar.post("/auth/password/reset").json(&body).send().await
}

/// Requests a link and reads it.
async fn link(sidecar: &Sidecar, email: &str) -> String {
    assert_eq!(forgot(sidecar, email).await.status(), 202);
    sidecar.emailed_secret(email, "password_reset").await
}

async fn at_the_gate(sidecar: &Sidecar, token: &str) -> u16 {
    sidecar.get("/app").bearer(token).send().await.status()
}

async fn events(sidecar: &Sidecar, event: &str, outcome: &str) -> i64 {
    let count = "SELECT count(*) FROM audit_logs WHERE event = $1 AND outcome = $2";
    let found = sidecar.database().await.query_one(count, &[&event, &outcome]).await;
    found.unwrap().get(0)
}

#[tokio::test]
async fn a_password_change_ends_every_session_except_the_callers() {
    let sidecar = TestSidecar::new().start().await;
    let laptop = sidecar.user("alice").await;
    let phone = sidecar.login("alice@example.com").await;
    let link = link(&sidecar, "alice@example.com").await;

    let changed = change(&sidecar, &laptop.access_token, PASSWORD, NEW).await;

    assert_eq!(changed.status(), 204, "{}", changed.text());
    assert_eq!(at_the_gate(&sidecar, &laptop.access_token).await, 200);
    assert_eq!(sidecar.refresh(&laptop.refresh_token).await.status(), 200);
    let at_gate = sidecar.get("/app").bearer(&phone.access_token).send().await;
    assert_eq!(refused(&at_gate), is(401, "revoked"));
    let refreshed = sidecar.refresh(&phone.refresh_token).await;
    assert_eq!(refused(&refreshed), is(401, "refresh_revoked"));
    let old = sidecar.try_login("alice@example.com", PASSWORD).await;
    assert_eq!(refused(&old), is(401, "bad_credentials"));
    assert_eq!(sidecar.try_login("alice@example.com", NEW).await.status(), 200);
    let late = reset(&sidecar, &link, "brisk-anvil-40-meadow").await;
    assert_eq!(refused(&late), is(400, "reset_token_invalid"), "a link from before");
    assert_eq!(sidecar.count_messages("alice@example.com", "password_changed").await, 1);
    assert_eq!(events(&sidecar, "password_changed", "success").await, 1);
}

#[tokio::test]
async fn a_change_needs_the_old_password_and_a_good_new_one() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let token = &alice.access_token;
    let wrong = change(&sidecar, token, "not-her-password", NEW).await;
    assert_eq!(refused(&wrong), is(403, "bad_credentials"));
    let weak = change(&sidecar, token, PASSWORD, "password").await;
    assert_eq!(refused(&weak), is(422, "validation_failed"));
    let error = &weak.json()["errors"][0];
    assert_eq!(
        (&error["field"], &error["code"]),
        (&json!("new_password"), &json!("password_common"))
    );
    let same = change(&sidecar, token, PASSWORD, PASSWORD).await;
    assert_eq!(same.json()["errors"][0]["code"], "password_unchanged");
    let body = json!({ "password": PASSWORD, "new_password": NEW });
    let anonymous = sidecar.post("/auth/password/change").json(&body).send().await;
    assert_eq!(refused(&anonymous), is(401, "credentials_missing"));
    assert_eq!(
        sidecar.try_login("alice@example.com", PASSWORD).await.status(),
        200,
        "nothing changed"
    );
}

#[tokio::test]
async fn a_stolen_token_guesses_the_password_no_faster_than_a_login() {
    let sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_account: 4, window: 1h } }")
        .start()
        .await;
    // The sign-in took one of the four.
    let alice = sidecar.user("alice").await;
    for _ in 0..3 {
        let guess = change(&sidecar, &alice.access_token, "not-her-password", NEW).await;
        assert_eq!(refused(&guess), is(403, "bad_credentials"));
    }
    let next = change(&sidecar, &alice.access_token, PASSWORD, NEW).await;
    assert_eq!(refused(&next), is(429, "rate_limited"));
    assert!(next.header("retry-after").is_some());
}

#[tokio::test]
async fn a_reset_request_does_not_reveal_whether_there_is_an_account() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    let known = forgot(&sidecar, "Alice@Example.com").await;
    let unknown = forgot(&sidecar, "nobody@example.com").await;
    assert_eq!((known.status(), known.text()), (202, unknown.text()));
    assert_eq!(unknown.status(), 202);
    assert_eq!(sidecar.count_messages("alice@example.com", "password_reset").await, 1);
    assert!(sidecar.messages("nobody@example.com").await.is_empty());
    assert_eq!(events(&sidecar, "password_reset_requested", "success").await, 1);
    assert_eq!(events(&sidecar, "password_reset_requested", "failure").await, 1);
    let no_address = forgot(&sidecar, "nobody").await;
    assert_eq!(no_address.json()["errors"][0]["code"], "email_invalid");
}

#[tokio::test]
async fn a_link_replaces_the_password_once_and_ends_every_session() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let bob = sidecar.user("bob").await;
    let sibling = link(&sidecar, "alice@example.com").await;
    let token = link(&sidecar, "alice@example.com").await;

    let weak = reset(&sidecar, &token, "password").await;
    assert_eq!(refused(&weak), is(422, "validation_failed"), "which does not use it up");
    let done = reset(&sidecar, &token, NEW).await;

    assert_eq!(done.status(), 204, "{}", done.text());
    assert_eq!(at_the_gate(&sidecar, &alice.access_token).await, 401);
    assert_eq!(
        refused(&sidecar.refresh(&alice.refresh_token).await),
        is(401, "refresh_revoked")
    );
    assert_eq!(at_the_gate(&sidecar, &bob.access_token).await, 200, "another's session");
    for spent in [&token, &sibling, "sgp_AAAA", "", &token.replace("sgp_", "sgi_")] {
        let again = reset(&sidecar, spent, "brisk-anvil-40-meadow").await;
        assert_eq!(refused(&again), is(400, "reset_token_invalid"), "{spent}");
    }
    let new = sidecar.try_login("alice@example.com", NEW).await;
    assert_eq!(new.status(), 200);
    let me: Value = sidecar
        .get("/auth/me")
        .bearer(new.json()["access_token"].as_str().unwrap())
        .send()
        .await
        .json();
    assert_eq!(me["email_verified"], true, "the link proved the address");
    assert_eq!(sidecar.count_messages("alice@example.com", "password_changed").await, 1);
    assert_eq!(events(&sidecar, "password_reset", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_concurrent_requests_with_one_link_on_two_instances_one_sets_the_password() {
    let first = TestSidecar::new().start().await;
    let second = TestSidecar::beside(&first).start().await;
    first.user("alice").await;
    let token = link(&first, "alice@example.com").await;
    let password = |n: usize| format!("{NEW}-{n}");

    let tries = (0..50).map(|n| {
        let (sidecar, token) = (if n % 2 == 0 { &first } else { &second }, token.clone());
        async move { reset(sidecar, &token, &password(n)).await }
    });
    let answers = join_all(tries).await;

    let winners: Vec<usize> = (0..50).filter(|n| answers[*n].status() == 204).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for (n, answer) in answers.iter().enumerate().filter(|(n, _)| *n != winners[0]) {
        assert_eq!(refused(answer), is(400, "reset_token_invalid"), "{n}");
    }
    let login = first.try_login("alice@example.com", &password(winners[0])).await;
    assert_eq!(login.status(), 200, "and it is the winner's");
    assert_eq!(events(&first, "password_reset", "success").await, 1);
    assert_eq!(first.count_messages("alice@example.com", "password_changed").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_during_a_storm_of_logins_ends_every_older_session() {
    let sidecar = TestSidecar::new()
        .config("auth: { password: { queue: 1000, wait: 60s } }")
        .start()
        .await;
    sidecar.user("alice").await;
    let token = link(&sidecar, "alice@example.com").await;

    let storm = join_all((0..60).map(|_| sidecar.try_login("alice@example.com", PASSWORD)));
    let (logins, done) = tokio::join!(storm, async {
        // During the run: six have signed in, beside the first session, and most have not.
        let count = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";
        let database = sidecar.database().await;
        crate::support::wait_until("some have signed in", std::time::Duration::from_secs(30), async || {
            database.query_one(count, &[]).await.unwrap().get::<_, i64>(0) > 6
        })
        .await;
        reset(&sidecar, &token, NEW).await
    });

    assert_eq!(done.status(), 204, "{}", done.text());
    let mut signed_in = 0;
    for login in logins.iter().filter(|login| login.status() == 200) {
        signed_in += 1;
        let tokens = login.json();
        assert_eq!(
            at_the_gate(&sidecar, tokens["access_token"].as_str().unwrap()).await,
            401
        );
        let refreshed = sidecar.refresh(tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refused(&refreshed), is(401, "refresh_revoked"));
    }
    assert!(signed_in > 5, "{signed_in} signed in before the reset");
    assert_eq!(sidecar.try_login("alice@example.com", NEW).await.status(), 200);
}

#[tokio::test]
async fn reset_requests_are_limited_by_client_ip_with_429_and_by_mailbox_silently() {
    let sidecar = TestSidecar::new()
        .config("auth: { limits: { password_reset: { per_ip: 5/1h, per_account: 2/1h } } }")
        .start()
        .await;
    sidecar.user("alice").await;
    for _ in 0..4 {
        assert_eq!(forgot(&sidecar, "alice@example.com").await.status(), 202);
    }
    assert_eq!(sidecar.count_messages("alice@example.com", "password_reset").await, 2);
    assert_eq!(forgot(&sidecar, "bob@example.com").await.status(), 202);
    let sixth = forgot(&sidecar, "bob@example.com").await;
    assert_eq!(refused(&sixth), is(429, "rate_limited"));
}

#[tokio::test]
async fn where_no_mail_is_sent_what_needs_a_message_says_so_and_an_invitation_is_printed() {
    let sidecar = TestSidecar::new().config("auth: { mail: null }").start().await;
    let alice = sidecar.user("alice").await;
    for email in ["alice@example.com", "nobody@example.com"] {
        let answer = forgot(&sidecar, email).await;
        assert_eq!(refused(&answer), is(404, "mail_not_configured"));
        let resend = sidecar.post("/auth/email/verify/resend");
        let answer = resend.json(&json!({ "email": email })).send().await;
        assert_eq!(refused(&answer), is(404, "mail_not_configured"));
    }
    let moved = json!({ "new_email": "alice@example.org", "password": PASSWORD });
    let change = sidecar.post("/auth/email/change").bearer(&alice.access_token);
    assert_eq!(
        refused(&change.json(&moved).send().await),
        is(404, "mail_not_configured")
    );

    let invited = sidecar.command(&["user", "invite", "carol@example.com", "--output", "json"]);
    let invited: Value = serde_json::from_slice(&invited.stdout).unwrap();
    let body = json!({ "email": "carol@example.com", "password": PASSWORD, "invitation": invited["token"] });
    assert_eq!(sidecar.post("/auth/register").json(&body).send().await.status(), 202);
    sidecar.login("carol@example.com").await;
}
