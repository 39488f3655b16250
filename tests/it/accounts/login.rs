//! Sign-in: accepted and refused attempts, locks, and audit entries.

use std::time::Duration;

use serde_json::Map;
use sidegate::accounts::settings::RegistrationMode;
use sidegate::accounts::{LoginError, Origin, Registration, RegistrationError};
use sidegate::secret::Secret;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;

#[tokio::test]
async fn an_address_or_a_username_signs_in_in_any_case() {
    let services = Services::start().await;
    services.user("alice").await;
    for login in ["alice", "ALICE", "alice@example.com", " Alice@Example.COM "] {
        services.login(login).await;
    }
    assert_eq!(services.events("login_succeeded").await, 4);
}

#[tokio::test]
async fn wrong_password_unknown_account_and_impossible_names_look_the_same() {
    let services = Services::start().await;
    services.user("alice").await;
    let long = "a".repeat(10_000);
    for (login, password) in [
        ("alice", "wrong"),
        ("bob", PASSWORD),
        ("\u{0}", PASSWORD),
        (&long, PASSWORD),
        ("", ""),
        ("alice", &long),
    ] {
        let answer = services.try_login(login, password, NOW).await;
        assert!(matches!(answer, Err(LoginError::BadCredentials)), "{login}: {answer:?}");
    }
    assert_eq!(services.events("login_failed").await, 6);
}

#[tokio::test]
async fn five_wrong_passwords_lock_and_the_right_one_then_looks_wrong_until_the_lock_is_over() {
    let services = Services::start().await;
    services.user("alice").await;
    for _ in 0..5 {
        assert!(services.try_login("alice", "wrong", NOW).await.is_err());
    }
    let locked = services
        .try_login("alice", PASSWORD, NOW + Duration::from_secs(899))
        .await;
    assert!(matches!(locked, Err(LoginError::BadCredentials)));
    assert_eq!(services.events("account_locked").await, 1);
    assert!(
        services
            .try_login("alice", PASSWORD, NOW + Duration::from_secs(901))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_hash_of_another_cost_is_replaced_at_login() {
    let services = Services::with(|settings| settings.password.cost = 5).await;
    let alice = services.user("alice").await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap().replacen("$2b$", "$2y$", 1);
    let set = "UPDATE users SET password_hash = $1";
    services.database.raw.execute(set, &[&old]).await.unwrap();
    services.login("alice").await;
    let user = services.accounts.directory.user(alice.id).await.unwrap().unwrap();
    assert!(user.password_hash.unwrap().starts_with("$2b$05$"));
    services.login("alice").await;
    assert_eq!(services.events("password_rehashed").await, 1);
}

#[tokio::test]
async fn registering_a_taken_address_answers_as_for_a_free_one_and_changes_nothing() {
    let services = Services::with(|settings| settings.registration.mode = RegistrationMode::Open).await;
    services.user("alice").await;
    let (password, profile) = (Secret::new("tepid-gravel-19-walnut"), Map::new());
    let register = async |email| {
        let wanted = Registration {
            email,
            username: None,
            password: &password,
            profile: &profile,
            invitation: None,
        };
        services
            .accounts
            .registration
            .registrations
            .register(wanted, &Origin::default(), NOW)
            .await
    };
    assert!(register("bob@example.com").await.is_ok());
    assert!(register("ALICE@example.com").await.is_ok());
    assert!(services.try_login("alice", password.expose(), NOW).await.is_err());
    assert!(
        services
            .try_login("bob@example.com", password.expose(), NOW)
            .await
            .is_ok()
    );
    assert!(matches!(register("nobody").await, Err(RegistrationError::Email(_))));
}

#[tokio::test]
async fn a_closed_registration_refuses_everybody() {
    let services = Services::start().await;
    let (password, profile) = (Secret::new("tepid-gravel-19-walnut"), Map::new());
    let wanted = Registration {
        email: "bob@example.com",
        username: None,
        password: &password,
        profile: &profile,
        invitation: None,
    };
    let answer = services
        .accounts
        .registration
        .registrations
        .register(wanted, &Origin::default(), NOW)
        .await;
    assert!(matches!(answer, Err(RegistrationError::Closed)));
}
