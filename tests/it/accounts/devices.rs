//! Devices: known and new ones, and whom a lock applies to.

use std::net::IpAddr;
use std::time::Duration;

use sidegate::accounts::{Attempt, Login, LoginError, Operator, Origin, SignedIn};
use sidegate::secret::Secret;
use time::OffsetDateTime;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;
use crate::support::mailbox;

fn from(address: &str, user_agent: &str) -> Origin {
    Origin {
        address: Some(address.parse::<IpAddr>().unwrap()),
        user_agent: Some(user_agent.to_owned()),
        request_id: None,
    }
}

async fn try_on(
    services: &Services,
    device_token: Option<&Secret>,
    password: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<SignedIn, LoginError> {
    let password = Secret::new(password);
    let attempt = Attempt {
        login: "alice",
        password: &password,
        device_name: None,
        device_token,
    };
    match services.accounts.login.login(attempt, origin, now).await? {
        Login::SignedIn(signed_in) => Ok(signed_in),
        Login::SecondFactor(_) => panic!("no second factor is set"),
    }
}

#[tokio::test]
async fn an_attacker_locks_unknown_devices_out_and_not_the_owner_on_a_known_one() {
    let services = Services::start().await;
    services.user("alice").await;
    let home = Origin::default();
    let known = try_on(&services, None, PASSWORD, &home, NOW)
        .await
        .unwrap()
        .device_token;
    for _ in 0..5 {
        assert!(try_on(&services, None, "wrong", &home, NOW).await.is_err());
    }
    assert_eq!(services.events("account_locked").await, 1);
    let unknown = try_on(&services, None, PASSWORD, &home, NOW).await;
    assert!(matches!(unknown, Err(LoginError::BadCredentials)), "locked");

    let owner = try_on(&services, Some(&known), PASSWORD, &home, NOW).await;
    assert!(owner.is_ok(), "{owner:?}");
    let unknown = try_on(&services, None, PASSWORD, &home, NOW).await;
    assert!(unknown.is_err(), "the owner's sign-in does not let the unknown go on");
}

#[tokio::test]
async fn a_forged_or_foreign_device_token_counts_as_none() {
    let services = Services::start().await;
    services.user("alice").await;
    services.user("bob").await;
    let home = Origin::default();
    let own = try_on(&services, None, PASSWORD, &home, NOW)
        .await
        .unwrap()
        .device_token;
    let password = Secret::new(PASSWORD);
    let attempt = Attempt {
        login: "bob",
        password: &password,
        device_name: None,
        device_token: None,
    };
    let Login::SignedIn(bob) = services.accounts.login.login(attempt, &home, NOW).await.unwrap() else {
        panic!("bob has no second factor")
    };
    for _ in 0..5 {
        assert!(try_on(&services, None, "wrong", &home, NOW).await.is_err());
    }
    let mut changed = own.expose().to_owned();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'Q' } else { 'A' });
    for near_miss in [
        bob.device_token,
        Secret::new(changed),
        Secret::new("sgd_"),
        Secret::new(""),
    ] {
        let refused = try_on(&services, Some(&near_miss), PASSWORD, &home, NOW).await;
        assert!(matches!(refused, Err(LoginError::BadCredentials)));
    }
    assert!(try_on(&services, Some(&own), PASSWORD, &home, NOW).await.is_ok());
}

#[tokio::test]
async fn an_operators_lock_holds_on_a_known_device_too() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let home = Origin::default();
    let known = try_on(&services, None, PASSWORD, &home, NOW)
        .await
        .unwrap()
        .device_token;
    for _ in 0..5 {
        assert!(try_on(&services, None, "wrong", &home, NOW).await.is_err());
    }
    let until = Some(NOW + Duration::from_secs(3600));
    services
        .accounts
        .operator
        .standing
        .lock(&alice, until, &Operator::command_line(), NOW)
        .await
        .unwrap();
    let refused = try_on(&services, Some(&known), PASSWORD, &home, NOW).await;
    assert!(matches!(refused, Err(LoginError::BadCredentials)));
    services
        .accounts
        .operator
        .standing
        .unlock(&alice, &Operator::command_line(), NOW)
        .await
        .unwrap();
    assert!(try_on(&services, Some(&known), PASSWORD, &home, NOW).await.is_ok());
}

#[tokio::test]
async fn wrong_passwords_on_a_known_device_do_not_lock_the_account_for_others() {
    let services = Services::start().await;
    services.user("alice").await;
    let home = Origin::default();
    let known = try_on(&services, None, PASSWORD, &home, NOW)
        .await
        .unwrap()
        .device_token;
    for _ in 0..6 {
        assert!(try_on(&services, Some(&known), "wrong", &home, NOW).await.is_err());
    }
    assert!(try_on(&services, None, PASSWORD, &home, NOW).await.is_ok());
    assert_eq!(services.events("login_failed").await, 6);
}

#[tokio::test]
async fn the_owner_is_notified_once_of_a_sign_in_from_a_new_device() {
    let services = Services::start().await;
    services.user("alice").await;
    let told = async || {
        let messages = mailbox::messages(&services.database.raw, [7; 32], "new_device").await;
        assert_eq!(
            services.events("new_device_seen").await,
            i64::try_from(messages.len()).unwrap()
        );
        messages.len()
    };
    let home = from("2001:db8:1:2::3", "Firefox");
    let known = try_on(&services, None, PASSWORD, &home, NOW)
        .await
        .unwrap()
        .device_token;
    assert_eq!(told().await, 0, "the first sign-in of all");
    let again = from("2001:db8:1:2:ffff::9", "Firefox");
    try_on(&services, None, PASSWORD, &again, NOW).await.unwrap();
    assert_eq!(told().await, 0, "the same network");

    let cafe = from("192.0.2.7", "Firefox");
    try_on(&services, Some(&known), PASSWORD, &cafe, NOW).await.unwrap();
    assert_eq!(told().await, 0, "the known device on another network");
    let agent = from("192.0.2.7", "curl");
    try_on(&services, None, PASSWORD, &agent, NOW).await.unwrap();
    assert_eq!(told().await, 1, "another client");
    let neighbour = from("192.0.2.8", "Firefox");
    try_on(&services, None, PASSWORD, &neighbour, NOW).await.unwrap();
    assert_eq!(told().await, 2, "another address");
    try_on(&services, None, PASSWORD, &neighbour, NOW).await.unwrap();
    assert_eq!(told().await, 2, "once");
    let messages = mailbox::messages(&services.database.raw, [7; 32], "new_device").await;
    let tells_of = |device: &str, address: &str| {
        messages
            .iter()
            .any(|message| (&message["device"], &message["address"]) == (&device.into(), &address.into()))
    };
    assert!(tells_of("curl", "192.0.2.7") && tells_of("Firefox", "192.0.2.8"));
}
