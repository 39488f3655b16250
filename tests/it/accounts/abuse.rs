//! Attacks on accounts: guessing, locking, imitation, and requests at the wrong moment.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Map;
use sidegate::accounts::settings::{PasswordHash, RegistrationMode};
use sidegate::accounts::{Operator, Origin, RefreshError, Registration, RegistrationError};
use sidegate::secret::Secret;
use time::OffsetDateTime;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;

const OTHER_PASSWORD: &str = "tepid-gravel-19-walnut";

async fn locked_until(services: &Services) -> Option<OffsetDateTime> {
    let user = services.accounts.operator.accounts.lookup("alice").await.unwrap();
    user.locked_until
}

async fn fail(services: &Services, times: usize, now: OffsetDateTime) {
    for _ in 0..times {
        assert!(services.try_login("alice", "wrong", now).await.is_err());
    }
}

#[tokio::test]
async fn each_lock_lasts_twice_as_long_up_to_the_longest_and_a_login_starts_anew() {
    let services = Services::with(|settings| {
        settings.lockout.duration = Duration::from_secs(60);
        settings.lockout.max = Duration::from_secs(300);
    })
    .await;
    services.user("alice").await;
    let mut now = NOW;
    for seconds in [60, 120, 240, 300, 300] {
        fail(&services, 4, now).await;
        assert!(
            locked_until(&services).await.is_none_or(|until| until <= now),
            "four are not five"
        );
        fail(&services, 1, now).await;
        assert_eq!(locked_until(&services).await, Some(now + Duration::from_secs(seconds)));
        now += Duration::from_secs(seconds);
    }
    services.try_login("alice", PASSWORD, now).await.unwrap();
    fail(&services, 5, now).await;
    assert_eq!(locked_until(&services).await, Some(now + Duration::from_secs(60)));
}

#[tokio::test]
async fn knocking_at_a_locked_account_does_not_keep_it_locked() {
    let services = Services::start().await;
    services.user("alice").await;
    fail(&services, 5, NOW).await;
    let until = locked_until(&services).await.unwrap();
    fail(&services, 20, until - Duration::from_secs(1)).await;
    assert_eq!(locked_until(&services).await, Some(until));
    assert!(services.try_login("alice", PASSWORD, until).await.is_ok());
}

#[tokio::test]
async fn a_hash_of_another_function_signs_in_and_is_replaced_once() {
    let argon2i = {
        // With old parameters of the reference implementation: another variant, another version.
        let cost = |settings: &mut sidegate::accounts::Settings| {
            settings.password.hash = PasswordHash::Argon2id;
            settings.password.argon2.memory_kib = 64;
        };
        let services = Services::with(cost).await;
        let made = services.user("alice").await.password_hash.unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{made}");
        for old in [
            bcrypt::hash(PASSWORD, 4).unwrap().replacen("$2b$", "$2y$", 1),
            bcrypt::hash(PASSWORD, 4).unwrap().replacen("$2b$", "$2a$", 1),
            bcrypt::hash(PASSWORD, 4).unwrap(),
        ] {
            let set = "UPDATE users SET password_hash = $1";
            services.database.raw.execute(set, &[&old]).await.unwrap();
            assert!(
                services.try_login("alice", OTHER_PASSWORD, NOW).await.is_err(),
                "a near miss"
            );
            services.login("alice").await;
            services.login("alice").await;
            let now = services
                .accounts
                .operator
                .accounts
                .lookup("alice")
                .await
                .unwrap()
                .password_hash
                .unwrap();
            assert!(now.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{now}");
        }
        assert_eq!(services.events("password_rehashed").await, 3);
        made
    };
    let services = Services::start().await;
    services.user("alice").await;
    let set = "UPDATE users SET password_hash = $1";
    services.database.raw.execute(set, &[&argon2i]).await.unwrap();
    services.login("alice").await;
    let now = services
        .accounts
        .operator
        .accounts
        .lookup("alice")
        .await
        .unwrap()
        .password_hash
        .unwrap();
    assert!(now.starts_with("$2b$04$"), "and back again: {now}");
}

#[tokio::test]
async fn an_argon2id_hash_of_other_parameters_is_replaced() {
    let services = Services::with(|settings| {
        settings.password.hash = PasswordHash::Argon2id;
        settings.password.argon2.memory_kib = 64;
    })
    .await;
    services.user("alice").await;
    let old = {
        let weaker = Services::with(|settings| {
            settings.password.hash = PasswordHash::Argon2id;
            settings.password.argon2.memory_kib = 32;
        })
        .await;
        weaker.user("alice").await.password_hash.unwrap()
    };
    let set = "UPDATE users SET password_hash = $1";
    services.database.raw.execute(set, &[&old]).await.unwrap();
    services.login("alice").await;
    services.login("alice").await;
    assert_eq!(services.events("password_rehashed").await, 1);
    assert_eq!(services.metrics.password_rehash.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_logins_at_once_with_an_outdated_hash_one_replaces_it_and_all_sign_in() {
    let services = Services::with(|settings| settings.password.cost = 5).await;
    services.user("alice").await;
    let weaker = {
        let services = Services::start().await;
        services.user("alice").await.password_hash.unwrap()
    };
    let set = "UPDATE users SET password_hash = $1";
    services.database.raw.execute(set, &[&weaker]).await.unwrap();
    let logins = futures::future::join_all((0..8).map(|_| services.try_login("alice", PASSWORD, NOW))).await;
    let failed = logins
        .iter()
        .filter_map(|login| login.as_ref().err())
        .collect::<Vec<_>>();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(services.events("password_rehashed").await, 1);
}

/// Services with real limits, counted in Redis.
async fn limited(per_address: u32, per_account: u32) -> Services {
    Services::with_limits(|settings| {
        settings.registration.mode = RegistrationMode::Open;
        settings.limits.registration.per_address.limit = per_address;
        settings.limits.registration.per_account.limit = per_account;
    })
    .await
}

async fn register(services: &Services, email: &str, from: &str) -> Result<(), RegistrationError> {
    let (password, profile) = (Secret::new(OTHER_PASSWORD), Map::new());
    let wanted = Registration {
        email,
        username: None,
        password: &password,
        profile: &profile,
        invitation: None,
    };
    let origin = Origin {
        address: Some(from.parse::<IpAddr>().unwrap()),
        ..Origin::default()
    };
    services
        .accounts
        .registration
        .registrations
        .register(wanted, &origin, NOW)
        .await
}

#[tokio::test]
async fn registrations_of_one_email_address_share_a_limit_in_any_spelling() {
    let services = limited(20, 3).await;
    for (address, spelling) in [
        ("192.0.2.1", "alice@example.com"),
        ("192.0.2.2", "ALICE@Example.com."),
        ("192.0.2.3", "ａｌｉｃｅ＠example.com"),
    ] {
        assert!(register(&services, spelling, address).await.is_ok(), "{spelling}");
    }
    let fourth = register(&services, "alice@EXAMPLE.com", "192.0.2.4").await;
    assert!(
        matches!(fourth, Err(RegistrationError::RateLimited { .. })),
        "{fourth:?}"
    );
    assert!(
        register(&services, "bob@example.com", "192.0.2.4").await.is_ok(),
        "another account"
    );
}

#[tokio::test]
async fn a_refused_client_does_not_use_up_the_limit_of_an_account() {
    let services = limited(2, 3).await;
    for spelling in ["2001:db8:1:2::1", "2001:db8:1:2::2"] {
        assert!(register(&services, "alice@example.com", spelling).await.is_ok());
    }
    for host in 3..20 {
        let refused = register(&services, "alice@example.com", &format!("2001:db8:1:2::{host}")).await;
        assert!(
            matches!(refused, Err(RegistrationError::RateLimited { .. })),
            "one /64 is one address"
        );
    }
    assert!(
        register(&services, "alice@example.com", "2001:db8:1:3::1")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_client_ip_that_fails_for_ten_accounts_is_counted_once_and_one_that_mistypes_is_not() {
    let services = Services::start().await;
    let origin = |address: &str| Origin {
        address: Some(address.parse().unwrap()),
        ..Origin::default()
    };
    let attempt = async |login: &str, address: &str| {
        let password = Secret::new("wrong");
        let attempt = sidegate::accounts::Attempt {
            login,
            password: &password,
            device_name: None,
            device_token: None,
        };
        assert!(
            services
                .accounts
                .login
                .login(attempt, &origin(address), NOW)
                .await
                .is_err()
        );
    };
    let counted = |accounts: &str| {
        let metric = &services.metrics.login_stuffing_addresses;
        metric.with_label_values(&[accounts]).get()
    };
    for _ in 0..15 {
        attempt("alice", "192.0.2.7").await;
    }
    assert_eq!(counted("10"), 0, "one account, many times");
    for n in 0..25 {
        attempt(&format!("user{n}@example.com"), "192.0.2.8").await;
        // Another account with the same client IP changes nothing.
        attempt(&format!("user{n}@example.com"), &format!("198.51.100.{n}")).await;
    }
    assert_eq!((counted("10"), counted("100")), (1, 0));
    let reasons = &services.metrics.login_failures;
    assert_eq!(reasons.with_label_values(&["unknown_account"]).get(), 65);
    assert_eq!(reasons.with_label_values(&["wrong_password"]).get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_in_a_storm_of_logins_leaves_no_session_of_the_old_one() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let passwords = [PASSWORD, OTHER_PASSWORD];
    for round in 0..8 {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let storm = futures::future::join_all((0..24).map(|_| services.try_login("alice", old, NOW)));
        let change = async {
            // During the run: some have signed in, some wait for their hash.
            crate::support::wait_until("the first has signed in", Duration::from_secs(30), async || {
                !services.accounts.sessions.list(alice.id, NOW).await.unwrap().is_empty()
            })
            .await;
            let user = services.accounts.directory.user(alice.id).await.unwrap().unwrap();
            services
                .accounts
                .operator
                .accounts
                .set_password(&user, &Secret::new(new), &Operator::command_line(), NOW)
                .await
                .unwrap();
        };
        let (answers, ()) = futures::join!(storm, change);

        assert_eq!(
            services.accounts.sessions.list(alice.id, NOW).await.unwrap(),
            [],
            "round {round}"
        );
        let signed_in = answers.into_iter().flatten().collect::<Vec<_>>();
        assert!(!signed_in.is_empty());
        for pair in signed_in {
            let refreshed = services.refresh(&pair.refresh_token, NOW).await;
            assert!(matches!(refreshed, Err(RefreshError::Revoked)), "{refreshed:?}");
        }
        assert!(services.try_login("alice", old, NOW).await.is_err());
        services
            .accounts
            .operator
            .standing
            .unlock(&alice, &Operator::command_line(), NOW)
            .await
            .unwrap();
    }
}
