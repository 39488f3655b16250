//! A change or removal of a credential requires the password and the strongest second factor of the account.

use std::time::Duration;

use sidegate::accounts::{Factor, Origin, Proof, SessionOf, User};
use sidegate::secret::Secret;

use super::fixture::{PASSWORD, Services, of, reason};
use crate::store::fixture::NOW;
use crate::support::{Authenticator, mailbox};

/// The operations that change a credential or delete the account.
const OPERATIONS: [&str; 6] = [
    "remove_authenticator",
    "renew_recovery_codes",
    "disable_email_factor",
    "change_password",
    "change_email",
    "delete_account",
];

/// A signed-in user with both second factors: an authenticator app and emailed codes.
struct Alice {
    user: User,
    by: SessionOf,
    app: Authenticator,
    recovery_codes: Vec<Secret>,
}

async fn alice(services: &Services, has_app: bool) -> Alice {
    let user = services.user("alice").await;
    let by = of(&user, &services.login("alice").await);
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let proof = |factor| Proof {
        password: &password,
        factor,
    };
    if !has_app {
        accounts
            .mfa
            .email
            .set(by, proof(None), true, &origin, NOW)
            .await
            .unwrap();
        return Alice {
            user,
            by,
            app: Authenticator::typed(""),
            recovery_codes: Vec::new(),
        };
    }
    let begun = accounts.mfa.authenticators.enrol(by, proof(None), &origin, NOW).await;
    let app = Authenticator::typed(begun.unwrap().secret.expose());
    let code = Secret::new(app.at(NOW.unix_timestamp()));
    let confirmed = accounts.mfa.authenticators.confirm(by, &code, &origin, NOW).await;
    let recovery_codes = confirmed.unwrap();
    let first = Factor::RecoveryCode(&recovery_codes[9]);
    accounts
        .mfa
        .email
        .set(by, proof(Some(first)), true, &origin, NOW)
        .await
        .unwrap();
    Alice {
        user,
        by,
        app,
        recovery_codes,
    }
}

/// The time at which a code of the app works that was not used by the enrolment.
const LATER: Duration = Duration::from_secs(60);

/// The error of an operation; `None` if it was executed.
async fn attempt(services: &Services, by: SessionOf, operation: &str, factor: Option<Factor<'_>>) -> Option<String> {
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let (new, now) = (Secret::new("tepid-gravel-19-walnut"), NOW + LATER);
    let proof = Proof {
        password: &password,
        factor,
    };
    let said = |error: &dyn std::fmt::Debug| Some(reason(error));
    match operation {
        "remove_authenticator" => {
            let removed = accounts.mfa.authenticators.remove(by, proof, &origin, now).await;
            removed.err().and_then(|error| said(&error))
        }
        "renew_recovery_codes" => {
            let renewed = accounts
                .mfa
                .authenticators
                .renew_recovery_codes(by, proof, &origin, now)
                .await;
            renewed.err().and_then(|error| said(&error))
        }
        "disable_email_factor" => {
            let disabled = accounts.mfa.email.set(by, proof, false, &origin, now).await;
            disabled.err().and_then(|error| said(&error))
        }
        "change_password" => {
            let changed = accounts.password.change.change(by, proof, &new, &origin, now).await;
            changed.err().and_then(|error| said(&error))
        }
        "change_email" => {
            let changed = accounts
                .email
                .change
                .request(by, "alice@example.org", proof, &origin, now)
                .await;
            changed.err().and_then(|error| said(&error))
        }
        _ => {
            let deleted = accounts.profiles.delete(by, proof, &origin, now).await;
            deleted.err().and_then(|error| said(&error))
        }
    }
}

async fn emailed_code(services: &Services, alice: &Alice) -> Secret {
    let (mfa, origin) = (&services.accounts.mfa, Origin::default());
    mfa.email.send_code(alice.by, &origin, NOW + LATER).await.unwrap();
    let messages = mailbox::messages(&services.database.raw, [7; 32], "mfa_code").await;
    Secret::new(messages.last().unwrap()["code"].as_str().unwrap())
}

#[tokio::test]
async fn the_password_alone_and_an_emailed_code_change_nothing_where_there_is_an_authenticator_app() {
    for operation in OPERATIONS {
        let services = Services::start().await;
        let alice = alice(&services, true).await;
        let refused = attempt(&services, alice.by, operation, None).await;
        assert_eq!(
            refused.as_deref(),
            Some("FactorRequired"),
            "{operation} with the password alone"
        );
        let code = emailed_code(&services, &alice).await;
        let refused = attempt(&services, alice.by, operation, Some(Factor::EmailCode(&code))).await;
        assert_eq!(
            refused.as_deref(),
            Some("FactorRequired"),
            "{operation} with a weaker factor"
        );
        let wrong = Secret::new("000000");
        let refused = attempt(&services, alice.by, operation, Some(Factor::Totp(&wrong))).await;
        assert_eq!(refused.as_deref(), Some("WrongCode"), "{operation} with a wrong code");
        assert_eq!(services.events("mfa_failed").await, 1, "{operation}");

        let code = Secret::new(alice.app.at((NOW + LATER).unix_timestamp()));
        let done = attempt(&services, alice.by, operation, Some(Factor::Totp(&code))).await;
        assert_eq!(done, None, "{operation}");
    }
}

#[tokio::test]
async fn a_recovery_code_replaces_the_authenticator_app() {
    for operation in OPERATIONS {
        let services = Services::start().await;
        let alice = alice(&services, true).await;
        let code = Factor::RecoveryCode(&alice.recovery_codes[0]);
        assert_eq!(
            attempt(&services, alice.by, operation, Some(code)).await,
            None,
            "{operation}"
        );
    }
}

#[tokio::test]
async fn an_account_with_emailed_codes_alone_changes_with_one() {
    for operation in [
        "disable_email_factor",
        "change_password",
        "change_email",
        "delete_account",
    ] {
        let services = Services::start().await;
        let alice = alice(&services, false).await;
        let refused = attempt(&services, alice.by, operation, None).await;
        assert_eq!(refused.as_deref(), Some("FactorRequired"), "{operation}");
        let code = emailed_code(&services, &alice).await;
        let done = attempt(&services, alice.by, operation, Some(Factor::EmailCode(&code))).await;
        assert_eq!(done, None, "{operation}");
        if operation == "change_email" {
            let again = attempt(&services, alice.by, operation, Some(Factor::EmailCode(&code))).await;
            assert_eq!(again.as_deref(), Some("WrongCode"), "a code works once");
        }
    }
}

#[tokio::test]
async fn a_stronger_factor_is_added_with_the_one_there_is() {
    let services = Services::start().await;
    let alice = alice(&services, false).await;
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let enrol = async |factor| {
        let proof = Proof {
            password: &password,
            factor,
        };
        let begun = accounts
            .mfa
            .authenticators
            .enrol(alice.by, proof, &origin, NOW + LATER)
            .await;
        begun.err().map(|error| reason(&error))
    };
    assert_eq!(enrol(None).await.as_deref(), Some("FactorRequired"));
    let code = emailed_code(&services, &alice).await;
    assert_eq!(enrol(Some(Factor::EmailCode(&code))).await, None);
}

#[tokio::test]
async fn a_code_of_the_app_that_confirmed_a_change_confirms_no_other() {
    let services = Services::start().await;
    let alice = alice(&services, true).await;
    let code = Secret::new(alice.app.at((NOW + LATER).unix_timestamp()));
    let first = attempt(&services, alice.by, "renew_recovery_codes", Some(Factor::Totp(&code))).await;
    assert_eq!(first, None);
    let again = attempt(&services, alice.by, "delete_account", Some(Factor::Totp(&code))).await;
    assert_eq!(again.as_deref(), Some("WrongCode"));
    let kept = services.accounts.directory.user(alice.user.id).await.unwrap();
    assert!(kept.is_some());
}

#[tokio::test]
async fn a_new_password_that_is_refused_costs_no_emailed_code() {
    let services = Services::start().await;
    let alice = alice(&services, false).await;
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let code = emailed_code(&services, &alice).await;
    let change = async |new: &str| {
        let proof = Proof {
            password: &password,
            factor: Some(Factor::EmailCode(&code)),
        };
        let new = Secret::new(new);
        accounts
            .password
            .change
            .change(alice.by, proof, &new, &origin, NOW + LATER)
            .await
    };
    assert!(change("password").await.is_err());
    assert!(change("tepid-gravel-19-walnut").await.is_ok());
}
