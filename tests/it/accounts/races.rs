//! What happens to an account during a request: passwords take long to hash, and everything is checked again under the
//! lock of the user's row.

use sidegate::accounts::{
    EmailChangeError, LoginError, MfaError, Operator, Origin, PasswordChangeError, ProfileError, Proof,
    ReauthenticationError, Scope,
};
use sidegate::secret::Secret;

use super::fixture::{PASSWORD, Services, of, reason};
use super::meanwhile::{meanwhile, wait_until_blocked};
use crate::store::fixture::NOW;

const NEW: &str = "tepid-gravel-19-walnut";

/// Changes of an account with which a request must not go on.
const OTHER_PASSWORD: &str = "UPDATE users SET password_hash = 'other', password_changed_at = now()";
const DELETED: &str = "UPDATE users SET deleted_at = now()";
const LOCKED: &str = "UPDATE users SET locked_until = 'tomorrow', locked_by = 'operator'";
const SIGNED_OUT: &str = "UPDATE users SET token_version = token_version + 1;
                          UPDATE sessions SET ended_at = now(), end_reason = 'logout_all'";

/// Another hash of the same password, as a concurrent sign-in sets it.
fn rehashed() -> String {
    format!(
        "UPDATE users SET password_hash = '{}'",
        bcrypt::hash(PASSWORD, 4).unwrap()
    )
}

fn password() -> Secret {
    Secret::new(PASSWORD)
}

async fn failures(services: &Services, reason: &str) -> i64 {
    let sql = "SELECT count(*) FROM audit_logs WHERE event = 'login_failed' AND data ->> 'reason' = $1";
    services.count(sql, reason).await
}

#[tokio::test]
async fn a_sign_in_fails_if_the_account_changed_during_hashing_and_the_audit_log_says_why() {
    for (change, reason) in [
        (OTHER_PASSWORD, "password_changed"),
        (DELETED, "unknown_account"),
        (LOCKED, "locked"),
    ] {
        let services = Services::start().await;
        services.user("alice").await;
        let login = services.try_login("alice", PASSWORD, NOW);
        let refused = Box::pin(meanwhile(&services, change, login)).await;
        assert!(
            matches!(refused, Err(LoginError::BadCredentials)),
            "{change}: {refused:?}"
        );
        assert_eq!(failures(&services, reason).await, 1, "{change}");
        assert_eq!(services.events("login_succeeded").await, 0, "{change}");
        let counted = "SELECT failed_login_count::bigint FROM users WHERE username = $1";
        assert_eq!(
            services.count(counted, "alice").await,
            0,
            "{change}: nobody has guessed"
        );
    }
}

#[tokio::test]
async fn a_sign_in_succeeds_if_another_one_replaced_the_hash_of_the_same_password() {
    let services = Services::start().await;
    services.user("alice").await;
    let login = services.try_login("alice", PASSWORD, NOW);
    assert!(Box::pin(meanwhile(&services, &rehashed(), login)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_sign_ins_with_an_outdated_hash_all_succeed_and_replace_it_once() {
    let services = Services::with(|settings| settings.password.cost = 5).await;
    services.user("alice").await;
    for round in 1..=3 {
        let old = bcrypt::hash(PASSWORD, 4).unwrap();
        let set = "UPDATE users SET password_hash = $1";
        services.database.raw.execute(set, &[&old]).await.unwrap();
        let logins = (0..8).map(|_| services.try_login("alice", PASSWORD, NOW));
        for login in futures::future::join_all(logins).await {
            assert!(login.is_ok(), "{login:?}");
        }
        assert_eq!(services.events("password_rehashed").await, round);
    }
    assert_eq!(services.events("login_failed").await, 0);
    // The near miss: a wrong password at the same time.
    let (right, wrong) = tokio::join!(
        services.try_login("alice", PASSWORD, NOW),
        services.try_login("alice", NEW, NOW)
    );
    assert!(right.is_ok() && wrong.is_err());
}

/// The outcome of each change of a credential: `None` if it was made.
async fn outcomes(change: &str) -> [(&'static str, Option<String>); 6] {
    let said = |error: &dyn std::fmt::Debug| Some(reason(error));
    let mut outcomes = Vec::new();
    for operation in [
        "enrol",
        "renew_recovery_codes",
        "set_email_factor",
        "change_password",
        "change_email",
        "delete",
    ] {
        let services = Services::start().await;
        let alice = services.user("alice").await;
        let by = of(&alice, &services.login("alice").await);
        let (accounts, origin, password, new) = (&services.accounts, Origin::default(), password(), Secret::new(NEW));
        let proof = Proof {
            password: &password,
            factor: None,
        };
        let request = async {
            match operation {
                "enrol" => {
                    let enrolled = accounts.mfa.authenticators.enrol(by, proof, &origin, NOW).await;
                    enrolled.err().and_then(|error| said(&error))
                }
                "renew_recovery_codes" => {
                    let renewed = accounts
                        .mfa
                        .authenticators
                        .renew_recovery_codes(by, proof, &origin, NOW)
                        .await;
                    // There is no factor to have recovery codes for.
                    let error = renewed.unwrap_err();
                    (!matches!(error, MfaError::NotEnabled)).then(|| format!("{error:?}"))
                }
                "set_email_factor" => {
                    let set = accounts.mfa.email.set(by, proof, true, &origin, NOW).await;
                    set.err().and_then(|error| said(&error))
                }
                "change_password" => {
                    let changed = accounts.password.change.change(by, proof, &new, &origin, NOW).await;
                    changed.err().and_then(|error| said(&error))
                }
                "change_email" => {
                    let email = "alice@example.org";
                    let changed = accounts.email.change.request(by, email, proof, &origin, NOW).await;
                    changed.err().and_then(|error| said(&error))
                }
                _ => {
                    let deleted = accounts.profiles.delete(by, proof, &origin, NOW).await;
                    deleted.err().and_then(|error| said(&error))
                }
            }
        };
        outcomes.push((operation, Box::pin(meanwhile(&services, change, request)).await));
    }
    outcomes.try_into().expect("six operations")
}

#[tokio::test]
async fn no_credential_changes_if_the_password_was_changed_meanwhile() {
    for (operation, outcome) in Box::pin(outcomes(OTHER_PASSWORD)).await {
        assert_eq!(outcome.as_deref(), Some("WrongPassword"), "{operation}");
    }
}

#[tokio::test]
async fn no_credential_changes_if_the_session_or_the_account_has_ended_meanwhile() {
    for change in [SIGNED_OUT, DELETED] {
        for (operation, outcome) in Box::pin(outcomes(change)).await {
            assert_eq!(outcome.as_deref(), Some("NotFound"), "{operation}: {change}");
        }
    }
}

#[tokio::test]
async fn credentials_change_if_only_the_hash_of_the_password_was_replaced_meanwhile() {
    for (operation, outcome) in Box::pin(outcomes(&rehashed())).await {
        assert_eq!(outcome, None, "{operation}");
    }
}

#[tokio::test]
async fn a_session_of_another_account_changes_no_credential() {
    let services = Services::start().await;
    let (alice, bob) = (services.user("alice").await, services.user("bob").await);
    services.login("alice").await;
    let bobs = services.login("bob").await;
    let mut by = of(&bob, &bobs);
    by.user_id = alice.id;
    let (accounts, origin, password, new) = (&services.accounts, Origin::default(), password(), Secret::new(NEW));
    let proof = Proof {
        password: &password,
        factor: None,
    };
    let changed = accounts.password.change.change(by, proof, &new, &origin, NOW).await;
    assert!(
        matches!(
            changed,
            Err(PasswordChangeError::Reauthentication(ReauthenticationError::NotFound))
        ),
        "{changed:?}"
    );
    let moved = accounts
        .email
        .change
        .request(by, "alice@example.org", proof, &origin, NOW)
        .await;
    assert!(
        matches!(
            moved,
            Err(EmailChangeError::Reauthentication(ReauthenticationError::NotFound))
        ),
        "{moved:?}"
    );
    let deleted = accounts.profiles.delete(by, proof, &origin, NOW).await;
    assert!(
        matches!(
            deleted,
            Err(ProfileError::Reauthentication(ReauthenticationError::NotFound))
        ),
        "{deleted:?}"
    );
}

/// The user's row is locked first and then the session's. In the reverse order, an end of a session and a sign-out
/// everywhere would each wait for the other.
#[tokio::test]
async fn a_request_that_waits_for_the_users_row_holds_no_lock_of_a_session() {
    for operation in ["end_one", "logout", "revoke_one", "revoke_all"] {
        let services = Services::start().await;
        let alice = services.user("alice").await;
        let by = of(&alice, &services.login("alice").await);
        let (accounts, origin, operator) = (&services.accounts, Origin::default(), Operator::command_line());
        let raw = &services.database.raw;
        raw.batch_execute("BEGIN; SET LOCAL lock_timeout = '2s'; SELECT FROM users FOR NO KEY UPDATE")
            .await
            .unwrap();
        let request = async {
            match operation {
                "end_one" => drop(
                    accounts
                        .sessions
                        .end_one(by, by.session_id, &origin, NOW)
                        .await
                        .unwrap(),
                ),
                "logout" => accounts.sessions.logout(by, Scope::All, &origin, NOW).await.unwrap(),
                "revoke_one" => {
                    let revoked = accounts
                        .operator
                        .sessions
                        .revoke_one(by.session_id, None, &operator, NOW)
                        .await;
                    assert!(revoked.unwrap());
                }
                _ => drop(
                    accounts
                        .operator
                        .sessions
                        .revoke_all(&alice, &operator, NOW)
                        .await
                        .unwrap(),
                ),
            }
        };
        tokio::join!(request, async {
            wait_until_blocked(&services).await;
            let lock = raw.batch_execute("UPDATE sessions SET refreshed_at = now()").await;
            assert!(lock.is_ok(), "{operation}: {lock:?}");
            raw.batch_execute("COMMIT").await.unwrap();
        });
    }
}
