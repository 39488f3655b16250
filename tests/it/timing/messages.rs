//! Requests for an email: the response is the same, and takes the same time, with and without an account.

use serde_json::json;

use super::{compare, people, with_password};
use crate::support::TestSidecar;

const KINDS: [&str; 2] = ["known", "unknown"];

/// Each request is made for other accounts.
fn email(kind: &str, question: &str, number: usize) -> String {
    format!("{kind}.{question}{number}@example.com")
}

#[tokio::test]
#[ignore = "measures time: make test runs it alone"]
async fn a_password_reset_request_takes_the_same_time_with_and_without_an_account() {
    let sidecar = TestSidecar::new().start().await;
    people(&sidecar, "known.forgot", "NULL").await;
    compare(&sidecar, "forgotten password", &KINDS, 202, |kind, number| {
        let body = json!({ "email": email(kind, "forgot", number) });
        sidecar.post("/auth/password/forgot").json(&body)
    })
    .await;
}

#[tokio::test]
#[ignore = "measures time: make test runs it alone"]
async fn a_request_for_another_code_takes_the_same_time_with_and_without_an_account() {
    let sidecar = TestSidecar::new().start().await;
    people(&sidecar, "known.code", "NULL").await;
    compare(&sidecar, "another code", &KINDS, 202, |kind, number| {
        let body = json!({ "email": email(kind, "code", number) });
        sidecar.post("/auth/email/verify/resend").json(&body)
    })
    .await;
}

#[tokio::test]
#[ignore = "measures time: make test runs it alone"]
async fn a_registration_takes_as_long_with_an_address_that_is_taken() {
    let sidecar = TestSidecar::new().start().await;
    people(&sidecar, "known.register", "NULL").await;
    compare(&sidecar, "registration", &KINDS, 202, |kind, number| {
        let body = with_password(&email(kind, "register", number), None);
        sidecar.post("/auth/register").json(&body)
    })
    .await;
}
