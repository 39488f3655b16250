//! Signing keys: exactly one is active, even if several instances start or rotate at the same time.

use std::time::Duration;

use serde_json::json;
use sidegate::store::cleanup::{self, Before};
use sidegate::store::signing_keys::{self, SigningKeyRow, State};

use super::fixture::{Database, NOW};
use crate::support::wait_until;

const TIMEOUT: Duration = Duration::from_secs(20);
/// The connections of this database that wait for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

fn key(kid: &str, state: State) -> SigningKeyRow {
    SigningKeyRow {
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        state,
        private_sealed: vec![0, 1, 2],
        public_jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid}),
        created_at: NOW,
        activated_at: (state == State::Active).then_some(NOW),
        retired_at: None,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_rotation_retires_activates_and_in_the_end_removes() {
    let database = Database::migrated().await;
    let (old, new) = (key("old", State::Active), key("new", State::Next));
    signing_keys::insert(&database.postgres, &old).await.unwrap();
    signing_keys::insert(&database.postgres, &new).await.unwrap();
    assert_eq!(signing_keys::list(&database.postgres).await.unwrap(), [new, old]);

    let end = NOW + Duration::from_secs(660);
    let tx = database.postgres.transaction("rotate").await.unwrap();
    signing_keys::lock(&tx).await.unwrap();
    assert!(signing_keys::retire(&tx, "old", NOW, end).await.unwrap());
    assert!(signing_keys::activate(&tx, "new", NOW).await.unwrap());
    assert!(!signing_keys::activate(&tx, "new", NOW).await.unwrap());
    tx.commit().await.unwrap();
    let states: Vec<State> = signing_keys::list(&database.postgres)
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.state)
        .collect();
    assert_eq!(states, [State::Active, State::Retired]);

    for (now, removed) in [(end, 0), (end + Duration::from_secs(1), 1)] {
        let before = Before {
            keys: now,
            ..Before::at(NOW, Duration::ZERO, Duration::ZERO)
        };
        assert_eq!(
            cleanup::run(&database.postgres, before)
                .await
                .unwrap()
                .unwrap()
                .signing_keys,
            removed
        );
    }
}

#[tokio::test]
async fn the_schema_refuses_a_second_active_key_and_a_private_member_in_public() {
    let database = Database::migrated().await;
    signing_keys::insert(&database.postgres, &key("one", State::Active))
        .await
        .unwrap();
    let error = signing_keys::insert(&database.postgres, &key("two", State::Active))
        .await
        .unwrap_err();
    assert!(error.is_constraint("signing_keys_one_is_active"), "{error}");
    let mut leaking = key("three", State::Next);
    leaking.public_jwk["d"] = json!("secret");
    let error = signing_keys::insert(&database.postgres, &leaking).await.unwrap_err();
    assert!(error.is_constraint("public_jwk_holds_no_private_member"), "{error}");
}

#[tokio::test]
async fn the_lock_makes_the_second_wait_for_the_first() {
    let database = Database::migrated().await;
    let first = database.postgres.transaction("rotate").await.unwrap();
    signing_keys::lock(&first).await.unwrap();
    let second = async {
        let tx = database.postgres.transaction("rotate").await.unwrap();
        signing_keys::lock(&tx).await.unwrap();
        let seen = signing_keys::list(&tx).await.unwrap().len();
        tx.commit().await.unwrap();
        seen
    };
    let first = async {
        wait_until("the second waits for the lock", TIMEOUT, async || {
            database.raw.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        signing_keys::insert(&first, &key("one", State::Active)).await.unwrap();
        first.commit().await.unwrap();
    };
    let (seen, ()) = tokio::join!(second, first);
    assert_eq!(seen, 1);
}
