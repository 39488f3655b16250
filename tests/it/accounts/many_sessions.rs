//! The most sessions of an account, and the end of everybody's.

use std::time::Duration;

use sidegate::accounts::{EndedForAll, Operator, OperatorError, Origin, RefreshError};
use sidegate::store::revocations::Subject;
use uuid::Uuid;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;

#[tokio::test]
async fn a_further_sign_in_ends_the_session_that_was_not_refreshed_for_the_longest_time() {
    let services = Services::with(|settings| settings.sessions.per_user = 3).await;
    let (alice, _) = (services.user("alice").await, services.user("bob").await);
    let bobs = services.login("bob").await;
    let at = |seconds| NOW + Duration::from_secs(seconds);
    let mut pairs = Vec::new();
    for second in 0..3 {
        pairs.push(services.try_login("alice", PASSWORD, at(second)).await.unwrap());
    }
    // The oldest is in use; the second is not.
    let refreshed = services.refresh(&pairs[0].refresh_token, at(10)).await.unwrap();
    let fourth = services.try_login("alice", PASSWORD, at(20)).await.unwrap();
    let open = services.accounts.sessions.list(alice.id, at(20)).await.unwrap();
    let mut open = open.iter().map(|session| session.session_id).collect::<Vec<_>>();
    let mut expected = vec![pairs[0].session_id, pairs[2].session_id, fourth.session_id];
    open.sort_unstable();
    expected.sort_unstable();
    assert_eq!(open, expected);
    let ended = services.refresh(&pairs[1].refresh_token, at(21)).await;
    assert!(matches!(ended, Err(RefreshError::Revoked)), "{ended:?}");
    let revoked = Subject::Session(pairs[1].session_id.to_string());
    assert!(
        services
            .published
            .lock()
            .unwrap()
            .iter()
            .any(|entry| entry.subject == revoked)
    );
    assert_eq!(services.events("session_revoked").await, 1);
    for kept in [&refreshed, &fourth] {
        assert!(services.refresh(&kept.refresh_token, at(22)).await.is_ok());
    }
    assert!(
        services.refresh(&bobs.refresh_token, at(22)).await.is_ok(),
        "another account's"
    );
}

#[tokio::test]
async fn the_end_of_everyones_sessions_outdates_all_tokens_except_the_operators_own() {
    let services = Services::start().await;
    let mut pairs = Vec::new();
    for name in ["alice", "bob"] {
        services.user(name).await;
        pairs.push(services.login(name).await);
        pairs.push(services.login(name).await);
    }
    let admin = services.user("carol").await;
    let own = services.login("carol").await;
    let by = Operator::with_permissions(admin.id, vec!["sidegate:admin".to_owned()], Origin::default());
    let ended = services.accounts.operator.everyone.end(&by, NOW).await.unwrap();
    let expected = EndedForAll {
        accounts: 2,
        sessions: 4,
        is_complete: true,
    };
    assert_eq!(ended, expected);
    for pair in &pairs {
        let refused = services.refresh(&pair.refresh_token, NOW).await;
        assert!(matches!(refused, Err(RefreshError::Revoked)), "{refused:?}");
    }
    {
        let users = services.published.lock().unwrap();
        let outdated = users
            .iter()
            .filter(|entry| matches!(entry.subject, Subject::User { version: 2, .. }));
        assert_eq!(outdated.count(), 2);
    }
    assert_eq!(services.events("sessions_revoked").await, 1);
    assert!(services.refresh(&own.refresh_token, NOW).await.is_ok());
    services.login("alice").await;
    let ended = services
        .accounts
        .operator
        .everyone
        .end(&Operator::command_line(), NOW)
        .await;
    assert_eq!(ended.unwrap().accounts, 2, "the command line has no account of its own");
}

#[tokio::test]
async fn only_an_administrator_ends_everyones_sessions() {
    let services = Services::start().await;
    services.user("alice").await;
    let pair = services.login("alice").await;
    let by = Operator::with_permissions(
        Uuid::new_v4(),
        vec!["sidegate:sessions:write".to_owned()],
        Origin::default(),
    );
    let refused = services.accounts.operator.everyone.end(&by, NOW).await;
    assert!(matches!(refused, Err(OperatorError::AdminRequired)), "{refused:?}");
    assert_eq!(services.live(&pair).await, 1);
}
