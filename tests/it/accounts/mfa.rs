//! Second factors, where time matters: time steps, lifetimes, locks.

use std::time::Duration;

use sidegate::accounts::settings::Verification;
use sidegate::accounts::{
    Attempt, Challenge, Factor, Login, LoginError, Method, MfaError, Operator, OperatorError, Origin, Pair, Proof,
    SessionOf, SignedIn, User,
};
use sidegate::secret::Secret;
use time::OffsetDateTime;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;
use crate::support::{Authenticator, mailbox};

/// One time step.
const STEP: Duration = Duration::from_secs(30);

/// A user with an authenticator app and ten recovery codes.
struct Alice {
    user: User,
    session: SessionOf,
    phone: Authenticator,
    drawer: Vec<Secret>,
}

impl Alice {
    fn code(&self, now: OffsetDateTime) -> Secret {
        Secret::new(self.phone.at(now.unix_timestamp()))
    }
}

/// Adds an authenticator app at `NOW`, whose time step is spent by that.
async fn alice(services: &Services) -> Alice {
    enrolled(services, "alice").await
}

async fn enrolled(services: &Services, name: &str) -> Alice {
    let user = services.user(name).await;
    let session = session_of(&user, &services.login(name).await);
    let (accounts, origin) = (&services.accounts, Origin::default());
    let password = Secret::new(PASSWORD);
    let begun = accounts
        .mfa
        .authenticators
        .enrol(session, proof(&password, None), &origin, NOW)
        .await
        .unwrap();
    let phone = Authenticator::typed(begun.secret.expose());
    let code = Secret::new(phone.at(NOW.unix_timestamp()));
    let drawer = accounts
        .mfa
        .authenticators
        .confirm(session, &code, &origin, NOW)
        .await
        .unwrap();
    Alice {
        user,
        session,
        phone,
        drawer,
    }
}

/// The password alone, or with a second factor.
fn proof<'a>(password: &'a Secret, factor: Option<Factor<'a>>) -> Proof<'a> {
    Proof { password, factor }
}

fn session_of(user: &User, pair: &Pair) -> SessionOf {
    SessionOf {
        user_id: user.id,
        session_id: pair.session_id,
    }
}

/// Signs in with the password and gets a challenge for the second factor.
async fn challenge(services: &Services, login: &str, now: OffsetDateTime) -> Challenge {
    match try_password(services, login, now).await.unwrap() {
        Login::SecondFactor(challenge) => challenge,
        Login::SignedIn(_) => panic!("nothing more was requested"),
    }
}

async fn try_password(services: &Services, login: &str, now: OffsetDateTime) -> Result<Login, LoginError> {
    let password = Secret::new(PASSWORD);
    let attempt = Attempt {
        login,
        password: &password,
        device_name: None,
        device_token: None,
    };
    services.accounts.login.login(attempt, &Origin::default(), now).await
}

async fn answer(
    services: &Services,
    challenge: &Challenge,
    factor: Factor<'_>,
    now: OffsetDateTime,
) -> Result<SignedIn, MfaError> {
    let (accounts, origin) = (&services.accounts, Origin::default());
    accounts
        .mfa
        .second_step
        .complete(&challenge.mfa_token, factor, &origin, now)
        .await
}

#[tokio::test]
async fn a_code_is_good_once_and_only_forwards() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let later = NOW + 2 * STEP;
    let asked = challenge(&services, "alice", later).await;
    assert_eq!(asked.methods, [Method::Totp, Method::RecoveryCode]);

    let enrolled_with = alice.code(NOW);
    let too_old = alice.code(later - 2 * STEP);
    assert_eq!(enrolled_with.expose(), too_old.expose());
    let refused = answer(&services, &asked, Factor::Totp(&too_old), later).await;
    assert!(
        matches!(refused, Err(MfaError::WrongCode)),
        "two steps old: {refused:?}"
    );

    let code = alice.code(later);
    assert!(answer(&services, &asked, Factor::Totp(&code), later).await.is_ok());
    let asked = challenge(&services, "alice", later).await;
    let again = answer(&services, &asked, Factor::Totp(&code), later).await;
    assert!(matches!(again, Err(MfaError::WrongCode)), "the same code: {again:?}");
    let before = alice.code(later - STEP);
    let backwards = answer(&services, &asked, Factor::Totp(&before), later).await;
    assert!(
        matches!(backwards, Err(MfaError::WrongCode)),
        "in the window, but behind: {backwards:?}"
    );
    let next = alice.code(later + STEP);
    assert!(answer(&services, &asked, Factor::Totp(&next), later).await.is_ok());
    assert_eq!(services.events("mfa_succeeded").await, 2);
    assert_eq!(services.events("mfa_failed").await, 3);
}

#[tokio::test]
async fn the_code_of_the_enrolment_cannot_sign_in() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let asked = challenge(&services, "alice", NOW).await;
    let spent = answer(&services, &asked, Factor::Totp(&alice.code(NOW)), NOW).await;
    assert!(matches!(spent, Err(MfaError::WrongCode)));
    let next = answer(&services, &asked, Factor::Totp(&alice.code(NOW + STEP)), NOW).await;
    assert!(next.is_ok());
}

#[tokio::test]
async fn anothers_code_is_wrong() {
    let services = Services::start().await;
    let (alice, bob) = (alice(&services).await, enrolled(&services, "bob").await);
    let later = NOW + 2 * STEP;
    let asked = challenge(&services, "alice", later).await;
    for factor in [Factor::Totp(&bob.code(later)), Factor::RecoveryCode(&bob.drawer[0])] {
        let refused = answer(&services, &asked, factor, later).await;
        assert!(matches!(refused, Err(MfaError::WrongCode)), "{factor:?}");
    }
    assert!(
        answer(&services, &asked, Factor::RecoveryCode(&alice.drawer[0]), later)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_question_stands_for_five_minutes() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let asked = challenge(&services, "alice", NOW).await;
    assert_eq!(asked.expires_in, Duration::from_secs(300));
    let late = NOW + Duration::from_secs(300);
    let refused = answer(&services, &asked, Factor::Totp(&alice.code(late)), late).await;
    assert!(matches!(refused, Err(MfaError::TokenInvalid)));
    let in_time = NOW + Duration::from_secs(299);
    let signed_in = answer(&services, &asked, Factor::Totp(&alice.code(in_time)), in_time).await;
    assert!(signed_in.is_ok());
}

#[tokio::test]
async fn a_new_password_a_lock_and_a_deletion_each_end_a_sign_in_halfway() {
    for how in ["password", "lock", "delete"] {
        let services = Services::start().await;
        let alice = alice(&services).await;
        let later = NOW + 2 * STEP;
        let asked = challenge(&services, "alice", later).await;
        let (accounts, new) = (&services.accounts, Secret::new("tepid-gravel-19-walnut"));
        match how {
            "password" => accounts
                .operator
                .accounts
                .set_password(&alice.user, &new, &Operator::command_line(), later)
                .await
                .unwrap(),
            "lock" => accounts
                .operator
                .standing
                .lock(&alice.user, None, &Operator::command_line(), later)
                .await
                .unwrap(),
            _ => {
                let password = Secret::new(PASSWORD);
                let origin = Origin::default();
                accounts
                    .profiles
                    .delete(
                        alice.session,
                        proof(&password, Some(Factor::RecoveryCode(&alice.drawer[0]))),
                        &origin,
                        later,
                    )
                    .await
                    .unwrap();
            }
        }
        let refused = answer(&services, &asked, Factor::Totp(&alice.code(later)), later).await;
        assert!(matches!(refused, Err(MfaError::TokenInvalid)), "{how}: {refused:?}");
    }
}

#[tokio::test]
async fn five_wrong_codes_lock_the_account_like_five_wrong_passwords() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let later = NOW + 2 * STEP;
    let asked = challenge(&services, "alice", later).await;
    let wrong = Secret::new("000000");
    for _ in 0..5 {
        let refused = answer(&services, &asked, Factor::RecoveryCode(&wrong), later).await;
        assert!(matches!(refused, Err(MfaError::WrongCode)));
    }
    assert_eq!(services.events("account_locked").await, 1);
    let right = answer(&services, &asked, Factor::Totp(&alice.code(later)), later).await;
    assert!(matches!(right, Err(MfaError::TokenInvalid)), "{right:?}");
    let password = try_password(&services, "alice", later).await;
    assert!(matches!(password, Err(LoginError::BadCredentials)));

    let unlocked = later + Duration::from_secs(901);
    let asked = challenge(&services, "alice", unlocked).await;
    assert!(
        answer(&services, &asked, Factor::Totp(&alice.code(unlocked)), unlocked)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn right_passwords_do_not_forgive_wrong_codes() {
    let services = Services::start().await;
    alice(&services).await;
    let later = NOW + 2 * STEP;
    for _ in 0..5 {
        let asked = challenge(&services, "alice", later).await;
        let refused = answer(&services, &asked, Factor::Totp(&Secret::new("abcdef")), later).await;
        assert!(matches!(refused, Err(MfaError::WrongCode)));
    }
    assert!(matches!(
        try_password(&services, "alice", later).await,
        Err(LoginError::BadCredentials)
    ));
}

#[tokio::test]
async fn a_recovery_code_works_once_in_whatever_way_it_is_typed() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let asked = challenge(&services, "alice", NOW).await;
    let second = challenge(&services, "alice", NOW).await;
    let shouted = Secret::new(alice.drawer[0].expose().to_uppercase().replace('-', " "));
    assert!(
        answer(&services, &asked, Factor::RecoveryCode(&shouted), NOW)
            .await
            .is_ok()
    );
    let again = answer(&services, &second, Factor::RecoveryCode(&alice.drawer[0]), NOW).await;
    assert!(matches!(again, Err(MfaError::WrongCode)));
    let status = services.accounts.factors.status_of(alice.user.id).await.unwrap();
    assert_eq!(status.recovery_codes_left, 9);
    assert_eq!(services.events("recovery_code_used").await, 1);
}

#[tokio::test]
async fn new_recovery_codes_end_the_old_ones() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let (accounts, origin) = (&services.accounts, Origin::default());
    let (wrong, password) = (Secret::new("0000-0000-0000-0000"), Secret::new(PASSWORD));
    let refused = accounts
        .mfa
        .authenticators
        .renew_recovery_codes(
            alice.session,
            proof(&password, Some(Factor::RecoveryCode(&wrong))),
            &origin,
            NOW,
        )
        .await;
    assert!(matches!(refused, Err(MfaError::WrongCode)));
    let renewed = accounts
        .mfa
        .authenticators
        .renew_recovery_codes(
            alice.session,
            proof(&password, Some(Factor::RecoveryCode(&alice.drawer[0]))),
            &origin,
            NOW,
        )
        .await
        .unwrap();
    let asked = challenge(&services, "alice", NOW).await;
    let old = answer(&services, &asked, Factor::RecoveryCode(&alice.drawer[1]), NOW).await;
    assert!(matches!(old, Err(MfaError::WrongCode)));
    let new = answer(&services, &asked, Factor::RecoveryCode(&renewed[9]), NOW).await;
    assert!(new.is_ok());
}

#[tokio::test]
async fn an_authenticator_is_removed_with_the_password_and_a_code_and_not_with_either_alone() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let (accounts, origin) = (&services.accounts, Origin::default());
    let (right, wrong) = (Secret::new(PASSWORD), Secret::new("wrong"));
    let code = Factor::RecoveryCode(&alice.drawer[0]);
    let without_password = accounts
        .mfa
        .authenticators
        .remove(alice.session, proof(&wrong, Some(code)), &origin, NOW)
        .await;
    assert!(matches!(without_password, Err(MfaError::WrongPassword)));
    let without_code = accounts
        .mfa
        .authenticators
        .remove(alice.session, proof(&right, Some(Factor::Totp(&wrong))), &origin, NOW)
        .await;
    assert!(matches!(without_code, Err(MfaError::WrongCode)));
    accounts
        .mfa
        .authenticators
        .remove(alice.session, proof(&right, Some(code)), &origin, NOW)
        .await
        .unwrap();
    services.login("alice").await;
    let status = accounts.factors.status_of(alice.user.id).await.unwrap();
    assert!(!status.is_enabled() && status.recovery_codes_left == 0);
    for message in ["mfa_added", "mfa_removed"] {
        let messages = mailbox::messages(&services.database.raw, [7; 32], message).await;
        assert_eq!((messages.len(), &messages[0]["method"]), (1, &"totp".into()));
    }
}

#[tokio::test]
async fn a_confirmed_authenticator_is_not_replaced_and_an_unconfirmed_one_is() {
    let services = Services::start().await;
    let user = services.user("alice").await;
    let session = session_of(&user, &services.login("alice").await);
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let begin = async || {
        accounts
            .mfa
            .authenticators
            .enrol(session, proof(&password, None), &origin, NOW)
            .await
    };
    let lost = Authenticator::typed(begin().await.unwrap().secret.expose());
    services.login("alice").await; // unconfirmed, it asks for nothing
    let kept = Authenticator::typed(begin().await.unwrap().secret.expose());
    let confirm = async |code: String| {
        accounts
            .mfa
            .authenticators
            .confirm(session, &Secret::new(code), &origin, NOW)
            .await
    };
    let at = NOW.unix_timestamp();
    assert!(matches!(confirm(lost.at(at)).await, Err(MfaError::WrongCode)));
    assert!(confirm(kept.at(at)).await.is_ok());
    assert!(matches!(begin().await, Err(MfaError::AlreadyEnabled)));
    assert!(matches!(confirm(kept.at(at + 30)).await, Err(MfaError::AlreadyEnabled)));
}

#[tokio::test]
async fn an_emailed_code_completes_a_sign_in_of_a_user_who_enabled_it() {
    let services = Services::start().await;
    let user = services.user("alice").await;
    let session = session_of(&user, &services.login("alice").await);
    let (accounts, origin) = (&services.accounts, Origin::default());
    let (right, wrong) = (Secret::new(PASSWORD), Secret::new("wrong"));
    let refused = accounts
        .mfa
        .email
        .set(session, proof(&wrong, None), true, &origin, NOW)
        .await;
    assert!(matches!(refused, Err(MfaError::WrongPassword)));
    accounts
        .mfa
        .email
        .set(session, proof(&right, None), true, &origin, NOW)
        .await
        .unwrap();

    let asked = challenge(&services, "alice", NOW).await;
    assert_eq!(asked.methods, [Method::EmailCode]);
    let unasked = answer(&services, &asked, Factor::EmailCode(&Secret::new("123456")), NOW).await;
    assert!(matches!(unasked, Err(MfaError::WrongCode)));
    accounts
        .mfa
        .second_step
        .email_code(&asked.mfa_token, &origin, NOW)
        .await
        .unwrap();
    let messages = mailbox::messages(&services.database.raw, [7; 32], "mfa_code").await;
    let code = Secret::new(messages[0]["code"].as_str().unwrap());
    assert_eq!(messages[0]["to"]["email"], "alice@example.com");
    assert!(answer(&services, &asked, Factor::EmailCode(&code), NOW).await.is_ok());
    let asked = challenge(&services, "alice", NOW).await;
    let again = answer(&services, &asked, Factor::EmailCode(&code), NOW).await;
    assert!(matches!(again, Err(MfaError::WrongCode)));

    let off = async |factor| {
        let proof = proof(&right, factor);
        accounts.mfa.email.set(session, proof, false, &origin, NOW).await
    };
    assert!(matches!(off(None).await, Err(MfaError::FactorRequired)));
    // Later, so that its message is the last one.
    accounts
        .mfa
        .email
        .send_code(session, &origin, NOW + STEP)
        .await
        .unwrap();
    let messages = mailbox::messages(&services.database.raw, [7; 32], "mfa_code").await;
    let newest = Secret::new(messages.last().unwrap()["code"].as_str().unwrap());
    off(Some(Factor::EmailCode(&newest))).await.unwrap();
    services.login("alice").await;
    let off = accounts
        .mfa
        .second_step
        .email_code(&asked.mfa_token, &origin, NOW)
        .await;
    assert!(matches!(off, Err(MfaError::NotEnabled)));
}

#[tokio::test]
async fn no_code_is_sent_to_an_email_address_that_is_not_verified() {
    let services = Services::start().await;
    let user = services.user("alice").await;
    let session = session_of(&user, &services.login("alice").await);
    let unverify = "UPDATE users SET email_verified_at = NULL";
    services.database.raw.execute(unverify, &[]).await.unwrap();
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    let refused = accounts
        .mfa
        .email
        .set(session, proof(&password, None), true, &origin, NOW)
        .await;
    assert!(matches!(refused, Err(MfaError::EmailUnverified)));
}

#[tokio::test]
async fn an_account_with_two_factors_cannot_sign_in_with_one_when_no_code_can_be_sent() {
    let services = Services::start().await;
    let user = services.user("alice").await;
    let session = session_of(&user, &services.login("alice").await);
    let (accounts, origin, password) = (&services.accounts, Origin::default(), Secret::new(PASSWORD));
    accounts
        .mfa
        .email
        .set(session, proof(&password, None), true, &origin, NOW)
        .await
        .unwrap();
    let unverify = "UPDATE users SET email_verified_at = NULL";
    services.database.raw.execute(unverify, &[]).await.unwrap();
    let asked = challenge(&services, "alice", NOW).await;
    assert_eq!(asked.methods, []);
    let refused = accounts
        .mfa
        .second_step
        .email_code(&asked.mfa_token, &origin, NOW)
        .await;
    assert!(matches!(refused, Err(MfaError::NotEnabled)));
}

#[tokio::test]
async fn a_required_action_is_revealed_only_after_the_right_password() {
    for (change, expected) in [
        ("email_verified_at = NULL", "email_unverified"),
        ("password_reset_required_at = now()", "password_reset_required"),
    ] {
        let services = Services::with(|settings| settings.email.verification = Verification::Required).await;
        services.user("alice").await;
        services.login("alice").await;
        let change = format!("UPDATE users SET {change}");
        services.database.raw.execute(&change, &[]).await.unwrap();
        let right = try_password(&services, "alice", NOW).await;
        let told = match right {
            Err(LoginError::EmailUnverified) => "email_unverified",
            Err(LoginError::PasswordResetRequired) => "password_reset_required",
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expected);
        let wrong = services.try_login("alice", "wrong", NOW).await;
        assert!(matches!(wrong, Err(LoginError::BadCredentials)));
    }
}

#[tokio::test]
async fn a_raised_session_keeps_how_and_when_its_person_proved_it() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let (accounts, origin) = (&services.accounts, Origin::default());
    let code = Factor::RecoveryCode(&alice.drawer[0]);
    let later = NOW + Duration::from_secs(3600);
    accounts
        .mfa
        .step_up
        .verify(alice.session, code, &origin, later)
        .await
        .unwrap();
    let row = "SELECT amr, auth_time FROM sessions WHERE id::text = $1";
    let row = services
        .database
        .raw
        .query_one(row, &[&alice.session.session_id.to_string()])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Vec<String>>(0), ["pwd", "otp", "mfa"]);
    assert_eq!(row.get::<_, OffsetDateTime>(1), later);
}

#[tokio::test]
async fn a_session_that_ended_is_not_raised() {
    let services = Services::start().await;
    let alice = alice(&services).await;
    let (accounts, origin) = (&services.accounts, Origin::default());
    accounts
        .operator
        .sessions
        .revoke_all(&alice.user, &Operator::command_line(), NOW)
        .await
        .unwrap();
    let code = Factor::RecoveryCode(&alice.drawer[0]);
    let refused = accounts.mfa.step_up.verify(alice.session, code, &origin, NOW).await;
    assert!(matches!(refused, Err(MfaError::SessionEnded)));
}

#[tokio::test]
async fn the_encrypted_secret_of_another_account_is_not_accepted() {
    let services = Services::start().await;
    let (alice, bob) = (alice(&services).await, enrolled(&services, "bob").await);
    let swap = "UPDATE totp_factors SET secret_sealed = (SELECT secret_sealed FROM totp_factors WHERE user_id::text = $1) \
                WHERE user_id::text = $2";
    let (from, to) = (bob.user.id.to_string(), alice.user.id.to_string());
    services.database.raw.execute(swap, &[&from, &to]).await.unwrap();
    let later = NOW + 2 * STEP;
    let asked = challenge(&services, "alice", later).await;
    let refused = answer(&services, &asked, Factor::Totp(&bob.code(later)), later).await;
    assert!(matches!(refused, Err(MfaError::WrongCode)));
}

#[tokio::test]
async fn an_operator_removes_every_factor_and_the_owner_is_notified_by_email() -> Result<(), OperatorError> {
    let services = Services::start().await;
    let alice = alice(&services).await;
    assert!(
        services
            .accounts
            .mfa
            .reset
            .reset(&alice.user, &Operator::command_line(), NOW)
            .await?
    );
    assert!(
        !services
            .accounts
            .mfa
            .reset
            .reset(&alice.user, &Operator::command_line(), NOW)
            .await?,
        "nothing is left"
    );
    services.login("alice").await;
    assert_eq!(services.events("mfa_removed").await, 1);
    let messages = mailbox::messages(&services.database.raw, [7; 32], "mfa_removed").await;
    assert_eq!(messages.len(), 1);
    Ok(())
}
