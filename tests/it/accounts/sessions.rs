//! How sessions end.

use std::time::Duration;

use sidegate::accounts::{
    Grant, LoginError, Operator, Origin, ProfileError, Proof, ReauthenticationError, RefreshError, Scope,
};
use sidegate::secret::Secret;
use sidegate::store::revocations::Subject;
use uuid::Uuid;

use super::fixture::{PASSWORD, Services, of};
use crate::store::fixture::NOW;

#[tokio::test]
async fn a_logout_ends_this_session_the_others_or_all() {
    for (scope, left) in [
        (Scope::This, [false, true, true]),
        (Scope::Others, [true, false, false]),
        (Scope::All, [false; 3]),
    ] {
        let services = Services::start().await;
        let alice = services.user("alice").await;
        let pairs = [
            services.login("alice").await,
            services.login("alice").await,
            services.login("alice").await,
        ];

        services
            .accounts
            .sessions
            .logout(of(&alice, &pairs[0]), scope, &Origin::default(), NOW)
            .await
            .unwrap();

        for (pair, left) in pairs.iter().zip(left) {
            assert_eq!(services.live(pair).await == 1, left, "{scope:?}");
            let published = services.published.lock().unwrap();
            assert_eq!(
                published
                    .iter()
                    .any(|entry| entry.subject == Subject::Session(pair.session_id.to_string())),
                !left
            );
        }
    }
}

#[tokio::test]
async fn a_token_of_an_ended_session_signs_nobody_else_out() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let (stolen, other) = (services.login("alice").await, services.login("alice").await);
    let logout = async |scope| {
        services
            .accounts
            .sessions
            .logout(of(&alice, &stolen), scope, &Origin::default(), NOW)
            .await
            .unwrap();
    };
    logout(Scope::This).await;
    logout(Scope::All).await;
    logout(Scope::This).await;
    assert_eq!(services.live(&other).await, 1);
    assert_eq!(services.events("logged_out").await, 1);
}

#[tokio::test]
async fn a_logout_everywhere_outdates_the_tokens_before_and_not_those_after_in_the_same_second() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let first = services.login("alice").await;
    let now = NOW + Duration::from_millis(300);
    services
        .accounts
        .sessions
        .logout(of(&alice, &first), Scope::All, &Origin::default(), now)
        .await
        .unwrap();
    let second = services
        .try_login("alice", PASSWORD, NOW + Duration::from_millis(600))
        .await
        .unwrap();
    let (before, after) = (claims(&first.access_token), claims(&second.access_token));
    assert_eq!((&before["ver"], &after["ver"]), (&1.into(), &2.into()));
    assert_eq!(after["iat"], now.unix_timestamp());
    assert_eq!(after["nbf"], now.unix_timestamp());
}

#[tokio::test]
async fn an_access_token_says_what_the_design_promises() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let pair = services.login("alice").await;
    let claims = claims(&pair.access_token);
    assert_eq!(claims["iss"], "https://gw.test");
    assert_eq!(claims["sub"], alice.id.to_string());
    assert_eq!(claims["aud"], serde_json::json!(["app"]));
    assert_eq!(claims["sid"], pair.session_id.to_string());
    assert_eq!(
        (&claims["email"], &claims["email_verified"]),
        (&"alice@example.com".into(), &true.into())
    );
    assert_eq!(
        (&claims["preferred_username"], &claims["amr"]),
        (&"alice".into(), &serde_json::json!(["pwd"]))
    );
    assert!(claims["jti"].is_string() && claims["auth_time"] == NOW.unix_timestamp());
    assert_eq!(claims["ver"], alice.token_version);
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((570..=630).contains(&life) && pair.expires_in == life.unsigned_abs());
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_no_others() {
    let services = Services::start().await;
    let (alice, _) = (services.user("alice").await, services.user("bob").await);
    let (mine, phone, bobs) = (
        services.login("alice").await,
        services.login("alice").await,
        services.login("bob").await,
    );
    let end = async |id| {
        services
            .accounts
            .sessions
            .end_one(of(&alice, &mine), id, &Origin::default(), NOW)
            .await
            .unwrap()
    };
    assert!(end(phone.session_id).await);
    assert!(!end(phone.session_id).await, "it is over");
    assert!(!end(bobs.session_id).await);
    assert!(!end(Uuid::nil()).await);
    assert_eq!((services.live(&phone).await, services.live(&bobs).await), (0, 1));
    let open = services.accounts.sessions.list(alice.id, NOW).await.unwrap();
    assert_eq!(
        open.iter().map(|session| session.session_id).collect::<Vec<_>>(),
        [mine.session_id]
    );
}

#[tokio::test]
async fn deleting_an_account_needs_its_password_and_ends_everything() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let pair = services.login("alice").await;
    let delete = async |password| {
        services
            .accounts
            .profiles
            .delete(
                of(&alice, &pair),
                Proof {
                    password: &Secret::new(password),
                    factor: None,
                },
                &Origin::default(),
                NOW,
            )
            .await
    };
    assert!(matches!(
        delete("wrong").await,
        Err(ProfileError::Reauthentication(ReauthenticationError::WrongPassword))
    ));
    delete(PASSWORD).await.unwrap();
    assert!(matches!(
        services.refresh(&pair.refresh_token, NOW).await,
        Err(RefreshError::Revoked)
    ));
    assert!(matches!(
        services.try_login("alice", PASSWORD, NOW).await,
        Err(LoginError::BadCredentials)
    ));
    services.user("alice").await;
}

#[tokio::test]
async fn an_operators_lock_ends_sessions_and_holds_until_it_is_lifted() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let pair = services.login("alice").await;
    services
        .accounts
        .operator
        .standing
        .lock(&alice, None, &Operator::command_line(), NOW)
        .await
        .unwrap();
    assert_eq!(services.live(&pair).await, 0);
    let years_later = NOW + Duration::from_secs(86_400 * 3650);
    assert!(services.try_login("alice", PASSWORD, years_later).await.is_err());
    services
        .accounts
        .operator
        .standing
        .unlock(&alice, &Operator::command_line(), NOW)
        .await
        .unwrap();
    assert!(services.try_login("alice", PASSWORD, years_later).await.is_ok());
}

#[tokio::test]
async fn a_grant_reaches_the_next_token_and_outdates_those_before() {
    let services = Services::start().await;
    let alice = services.user("alice").await;
    let pair = services.login("alice").await;
    let grant = Grant {
        roles: vec!["staff".into()],
        ..Grant::default()
    };
    services
        .accounts
        .operator
        .rights
        .grant(&alice, &grant, &Operator::command_line(), NOW)
        .await
        .unwrap();
    assert_eq!(
        services.published.lock().unwrap()[0].subject,
        Subject::User {
            issuer: services.accounts.settings.issuer.clone(),
            id: alice.id.to_string(),
            version: 2
        }
    );
    let next = services.refresh(&pair.refresh_token, NOW).await.unwrap();
    assert_eq!(claims(&next.access_token)["roles"], serde_json::json!(["staff"]));
    assert_eq!(claims(&pair.access_token)["ver"], 1);
    assert_eq!(claims(&next.access_token)["ver"], 2);
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap(),
    )
    .unwrap()
}
