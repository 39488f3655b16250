//! An invitation allows one registration, with its roles.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Sidecar, TestSidecar, json_lines};

const CAROL: &str = "carol@example.com";

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn by_invitation() -> Sidecar {
    TestSidecar::new()
        .config("auth: { registration: { mode: invitation } }")
        .start()
        .await
}

fn operate(sidecar: &Sidecar, arguments: &[&str]) -> Value {
    let output = sidecar.command(&[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The open invitations.
fn list(sidecar: &Sidecar) -> Vec<Value> {
    let output = sidecar.command(&["user", "invitations", "--output", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    json_lines(&output.stdout)
}

/// Creates an invitation and reads its message.
async fn invite(sidecar: &Sidecar, email: &str, role: &str) -> String {
    let invited = operate(sidecar, &["user", "invite", email, "--role", role]);
    assert_eq!(invited["roles"], json!([role]));
    // Sent to the canonical form of the email address.
    sidecar.emailed_secret(&email.to_lowercase(), "invitation").await
}

async fn register(sidecar: &Sidecar, email: &str, invitation: Option<&str>) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD, "invitation": invitation });
    sidecar.post("/auth/register").json(&body).send().await
}

async fn me(sidecar: &Sidecar, email: &str) -> Value {
    let user = sidecar.login(email).await;
    sidecar.get("/auth/me").bearer(&user.access_token).send().await.json()
}

#[tokio::test]
async fn an_invitation_creates_an_account_with_its_roles_and_a_verified_email_address() {
    let sidecar = by_invitation().await;
    let token = invite(&sidecar, "Carol@Example.com", "staff").await;
    assert_eq!(list(&sidecar)[0]["email"], CAROL, "the canonical form");
    assert_eq!(
        refused(&register(&sidecar, CAROL, None).await),
        is(403, "invitation_required")
    );
    let other = register(&sidecar, "mallory@example.com", Some(&token)).await;
    assert_eq!(refused(&other), is(403, "invitation_invalid"), "it is for Carol alone");

    assert_eq!(register(&sidecar, CAROL, Some(&token)).await.status(), 202);

    let me = me(&sidecar, CAROL).await;
    assert_eq!((&me["roles"], &me["email_verified"]), (&json!(["staff"]), &json!(true)));
    assert_eq!(sidecar.count_messages(CAROL, "email_verification").await, 0);
    assert_eq!(list(&sidecar), [Value::Null; 0]);
    let later = "UPDATE invitations SET used_at = used_at - interval '61 s'";
    sidecar.database().await.execute(later, &[]).await.unwrap();
    let again = register(&sidecar, CAROL, Some(&token)).await;
    assert_eq!(refused(&again), is(403, "invitation_invalid"), "it was used");
    let has_account = sidecar.command(&["user", "invite", CAROL]);
    assert_eq!(has_account.status.code(), Some(1));
}

#[tokio::test]
async fn a_withdrawn_or_replaced_invitation_does_not_work() {
    let sidecar = by_invitation().await;
    let first = invite(&sidecar, CAROL, "staff").await;
    let second = invite(&sidecar, CAROL, "guest").await;
    let replaced = register(&sidecar, CAROL, Some(&first)).await;
    assert_eq!(refused(&replaced), is(403, "invitation_invalid"));

    let open = list(&sidecar);
    assert_eq!(open.len(), 1);
    let id = open[0]["id"].as_str().unwrap();
    operate(&sidecar, &["user", "uninvite", id]);
    let revoked = register(&sidecar, CAROL, Some(&second)).await;
    assert_eq!(refused(&revoked), is(403, "invitation_invalid"));
    assert_eq!(
        sidecar.command(&["user", "uninvite", id]).status.code(),
        Some(1),
        "it is void already"
    );

    let third = invite(&sidecar, CAROL, "guest").await;
    assert_eq!(register(&sidecar, CAROL, Some(&third)).await.status(), 202);
    assert_eq!(me(&sidecar, CAROL).await["roles"], json!(["guest"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_that_comes_to_two_instances_at_once_makes_one_account() {
    let first = by_invitation().await;
    let second = TestSidecar::beside(&first)
        .config("auth: { registration: { mode: invitation } }")
        .start()
        .await;
    let token = invite(&first, CAROL, "staff").await;
    let tries = (0..20).map(|n| register(if n % 2 == 0 { &first } else { &second }, CAROL, Some(&token)));
    let answers = join_all(tries).await;
    // The second request finds the email address taken (and gets the same response as the first) or the invitation
    // used.
    assert!(
        answers
            .iter()
            .all(|answer| answer.status() == 202 || answer.code() == "invitation_invalid")
    );
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM invitations WHERE used_at IS NOT NULL), \
                  (SELECT count(*) FROM audit_logs WHERE event = 'user_registered' AND outcome = 'success')";
    let row = first.database().await.query_one(counts, &[]).await.unwrap();
    let counts: [i64; 3] = [0, 1, 2].map(|column| row.get(column));
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn open_registration_honours_an_invitation_and_closed_does_not() {
    let mut sidecar = TestSidecar::new()
        .config("auth: { registration: { domains: [example.org] } }")
        .start()
        .await;
    let token = invite(&sidecar, CAROL, "staff").await;
    let uninvited = register(&sidecar, CAROL, None).await;
    assert_eq!(uninvited.json()["errors"][0]["code"], "domain_not_allowed");
    let wrong = register(&sidecar, CAROL, Some("sgi_nothing")).await;
    assert_eq!(refused(&wrong), is(403, "invitation_invalid"));
    assert_eq!(register(&sidecar, CAROL, Some(&token)).await.status(), 202);
    assert_eq!(me(&sidecar, CAROL).await["roles"], json!(["staff"]));

    let token = invite(&sidecar, "dave@example.com", "staff").await;
    sidecar.reconfigure("auth: { registration: { mode: closed } }");
    sidecar.restart().await;
    let closed = register(&sidecar, "dave@example.com", Some(&token)).await;
    assert_eq!(refused(&closed), is(403, "registration_closed"));
    let useless = sidecar.command(&["user", "invite", "erin@example.com"]);
    assert_eq!(useless.status.code(), Some(1));
}
