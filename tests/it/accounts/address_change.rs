//! A change of the email address: codes that were sent to the previous mailbox no longer work.

use std::time::Duration;

use serde_json::Value;
use sidegate::accounts::{Attempt, EmailConfirmError, Factor, Login, MfaError, Origin, Proof, SessionOf};
use sidegate::secret::Secret;
use time::OffsetDateTime;

use super::fixture::{PASSWORD, Services, of};
use crate::store::fixture::NOW;
use crate::support::mailbox;

const MOVED: &str = "alice@example.org";

/// Seconds apart, so that messages are in the order in which they were queued.
fn at(seconds: u64) -> OffsetDateTime {
    NOW + Duration::from_secs(seconds)
}

async fn newest(services: &Services, message: &str) -> Value {
    let messages = mailbox::messages(&services.database.raw, [7; 32], message).await;
    messages.last().unwrap()["code"].clone()
}

/// Requests a change, and returns the codes of both mailboxes.
async fn request(services: &Services, by: SessionOf, factor: Option<Factor<'_>>, to: &str) -> (String, String) {
    let proof = Proof {
        password: &Secret::new(PASSWORD),
        factor,
    };
    let change = &services.accounts.email.change;
    change.request(by, to, proof, &Origin::default(), at(1)).await.unwrap();
    let text = |code: Value| code.as_str().unwrap().to_owned();
    (
        text(newest(services, "email_change_old").await),
        text(newest(services, "email_change_new").await),
    )
}

async fn confirm(services: &Services, by: SessionOf, codes: &(String, String)) -> Result<(), EmailConfirmError> {
    let change = &services.accounts.email.change;
    change.confirm(by, &codes.0, &codes.1, &Origin::default(), at(3)).await
}

async fn emailed_code(services: &Services, by: SessionOf, now: OffsetDateTime) -> Secret {
    let email = &services.accounts.mfa.email;
    email.send_code(by, &Origin::default(), now).await.unwrap();
    Secret::new(newest(services, "mfa_code").await.as_str().unwrap())
}

#[tokio::test]
async fn a_second_factor_that_was_sent_to_the_previous_mailbox_does_not_sign_in_after_the_change() {
    for changes in [true, false] {
        let services = Services::start().await;
        let alice = services.user("alice").await;
        let by = of(&alice, &services.login("alice").await);
        let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
        let proof = Proof {
            password: &password,
            factor: None,
        };
        accounts.mfa.email.set(by, proof, true, &origin, NOW).await.unwrap();
        let first = emailed_code(&services, by, NOW).await;
        let codes = request(&services, by, Some(Factor::EmailCode(&first)), MOVED).await;
        let in_the_old_mailbox = emailed_code(&services, by, at(2)).await;
        if changes {
            confirm(&services, by, &codes).await.unwrap();
        }
        let attempt = Attempt {
            login: "alice",
            password: &password,
            device_name: None,
            device_token: None,
        };
        let Login::SecondFactor(challenge) = accounts.login.login(attempt, &origin, at(4)).await.unwrap() else {
            panic!("no second factor was required");
        };
        let factor = Factor::EmailCode(&in_the_old_mailbox);
        let second_step = &accounts.mfa.second_step;
        let outcome = second_step.complete(&challenge.mfa_token, factor, &origin, at(4)).await;
        assert_eq!(matches!(outcome, Err(MfaError::WrongCode)), changes, "{outcome:?}");
    }
}

#[tokio::test]
async fn the_codes_of_a_change_make_one_change_also_when_the_address_is_the_first_again() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let by = of(&alice, &services.login("alice").await);
    let codes = request(&services, by, None, MOVED).await;
    let (one, other) = tokio::join!(confirm(&services, by, &codes), confirm(&services, by, &codes));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(services.events("email_changed").await, 1);
    let back = "UPDATE users SET email = 'alice@example.com'";
    services.database.raw.execute(back, &[]).await.unwrap();
    let again = confirm(&services, by, &codes).await;
    assert!(matches!(again, Err(EmailConfirmError::Wrong)), "{again:?}");
}
