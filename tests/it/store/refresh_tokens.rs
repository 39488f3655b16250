//! Refresh tokens and sessions: however requests interleave, a session has one live token or none.

use std::time::Duration;

use sidegate::store::postgres::Postgres;
use sidegate::store::refresh_tokens::{self, RefreshToken};
use sidegate::store::sessions::{self, Scope};
use sidegate::store::{StoreError, id, reset_tokens, users};
use uuid::Uuid;

use super::fixture::{Database, NOW};

fn token(user_id: Uuid, session_id: Uuid, seed: u8) -> RefreshToken {
    RefreshToken {
        id: id::new(NOW),
        token_hash: [seed; 32],
        user_id,
        session_id,
        parent_id: None,
        session_started_at: NOW,
        session_expires_at: NOW + Duration::from_secs(90 * 86_400),
        auth_time: NOW,
        amr: vec!["pwd".to_owned()],
        device_name: None,
        user_agent: Some("curl".to_owned()),
        address: Some("192.0.2.1".parse().unwrap()),
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(30 * 86_400),
        used_at: None,
        revoked_at: None,
        revoked_reason: None,
        metadata: serde_json::Map::new(),
    }
}

/// One refresh as the accounts do it; whether the token was live.
async fn refresh(postgres: &Postgres, presented: [u8; 32], next: [u8; 32]) -> Result<bool, StoreError> {
    let tx = postgres.transaction("refresh").await?;
    let found = refresh_tokens::find_for_update(&tx, &presented).await?.unwrap();
    if !found.is_live(NOW) {
        tx.rollback().await?;
        return Ok(false);
    }
    assert!(refresh_tokens::mark_used(&tx, found.id, NOW).await?);
    let successor = RefreshToken {
        id: id::new(NOW),
        token_hash: next,
        parent_id: Some(found.id),
        ..found
    };
    refresh_tokens::insert(&tx, &successor).await?;
    tx.commit().await?;
    Ok(true)
}

#[tokio::test]
async fn a_token_is_read_as_it_was_written_and_knows_its_successor() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let first = token(ada.id, Uuid::new_v4(), 1);
    refresh_tokens::insert(&database.postgres, &first).await.unwrap();
    assert_eq!(
        refresh_tokens::find(&database.postgres, &[1; 32])
            .await
            .unwrap()
            .as_ref(),
        Some(&first)
    );
    assert_eq!(refresh_tokens::find(&database.postgres, &[2; 32]).await.unwrap(), None);
    assert!(refresh(&database.postgres, [1; 32], [2; 32]).await.unwrap());
    let next = refresh_tokens::find_successor(&database.postgres, first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(next.token_hash, [2; 32]);
    let open = sessions::list(&database.postgres, ada.id, NOW).await.unwrap();
    assert_eq!(open.len(), 1, "a session is listed once however often it was refreshed");
}

#[tokio::test]
async fn of_parallel_refreshes_with_one_token_one_rotates() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    refresh_tokens::insert(&database.postgres, &token(ada.id, Uuid::new_v4(), 1))
        .await
        .unwrap();
    let attempts = (2..6).map(|seed| refresh(&database.postgres, [1; 32], [seed; 32]));
    let rotated: Vec<bool> = futures::future::join_all(attempts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rotated.iter().filter(|rotated| **rotated).count(), 1, "{rotated:?}");
}

#[tokio::test]
async fn the_schema_refuses_a_second_live_token_of_a_session() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    refresh_tokens::insert(&database.postgres, &token(ada.id, session, 1))
        .await
        .unwrap();
    let error = refresh_tokens::insert(&database.postgres, &token(ada.id, session, 2))
        .await
        .unwrap_err();
    assert!(
        error.is_constraint("refresh_tokens_session_has_one_live_token"),
        "{error}"
    );
}

#[tokio::test]
async fn no_refresh_slips_past_a_logout() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    for round in 0..30_u8 {
        let session = Uuid::new_v4();
        let (presented, next) = ([round * 2 + 1; 32], [round * 2 + 2; 32]);
        refresh_tokens::insert(&database.postgres, &token(ada.id, session, presented[0]))
            .await
            .unwrap();
        let logout = async {
            let tx = database.postgres.transaction("logout").await.unwrap();
            let ended = sessions::revoke(&tx, ada.id, Scope::This(session), "logout", NOW)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            ended
        };
        let (rotated, ended) = tokio::join!(refresh(&database.postgres, presented, next), logout);
        rotated.unwrap();
        assert_eq!(ended, [session]);
        assert_eq!(
            sessions::find(&database.postgres, session, NOW).await.unwrap(),
            None,
            "round {round}"
        );
    }
}

#[tokio::test]
async fn logout_ends_this_the_others_or_all_and_says_which() {
    let database = Database::migrated().await;
    let (ada, bob) = (
        database.user("ada@example.com").await,
        database.user("bob@example.com").await,
    );
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
    for (seed, session) in (1..).zip(&ids) {
        refresh_tokens::insert(&database.postgres, &token(ada.id, *session, seed))
            .await
            .unwrap();
    }
    let of_bob = Uuid::new_v4();
    refresh_tokens::insert(&database.postgres, &token(bob.id, of_bob, 9))
        .await
        .unwrap();
    let revoke = async |user: Uuid, scope| {
        let tx = database.postgres.transaction("logout").await.unwrap();
        let mut ended = sessions::revoke(&tx, user, scope, "logout", NOW).await.unwrap();
        tx.commit().await.unwrap();
        ended.sort_unstable();
        ended
    };
    assert!(
        revoke(ada.id, Scope::This(of_bob)).await.is_empty(),
        "another's session"
    );
    assert_eq!(revoke(ada.id, Scope::This(ids[0])).await, [ids[0]]);
    assert!(revoke(ada.id, Scope::This(ids[0])).await.is_empty(), "twice");
    let mut others = vec![ids[2], ids[3]];
    others.sort_unstable();
    assert_eq!(revoke(ada.id, Scope::Others(ids[1])).await, others);
    assert_eq!(revoke(ada.id, Scope::All).await, [ids[1]]);
    assert_eq!(sessions::count(&database.postgres, NOW).await.unwrap(), 1);
    assert_eq!(sessions::list_revoked(&database.postgres, NOW).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_reset_token_works_once_and_takes_its_siblings_along() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    for seed in [1, 2] {
        let token = reset_tokens::ResetToken {
            id: id::new(NOW),
            user_id: ada.id,
            address: None,
            created_at: NOW,
            expires_at: NOW + Duration::from_secs(1800),
        };
        reset_tokens::insert(&database.postgres, &token, &[seed; 32])
            .await
            .unwrap();
    }
    let late = NOW + Duration::from_secs(1800);
    let tx = database.postgres.transaction("reset").await.unwrap();
    assert_eq!(reset_tokens::find_for_update(&tx, &[1; 32], late).await.unwrap(), None);
    assert_eq!(
        reset_tokens::find_for_update(&tx, &[1; 32], NOW)
            .await
            .unwrap()
            .unwrap()
            .user_id,
        ada.id
    );
    assert_eq!(reset_tokens::use_all(&tx, ada.id, NOW).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let tx = database.postgres.transaction("reset").await.unwrap();
    assert_eq!(reset_tokens::find_for_update(&tx, &[2; 32], NOW).await.unwrap(), None);
    drop(tx);
    assert!(users::find(&database.postgres, ada.id).await.unwrap().is_some());
}
