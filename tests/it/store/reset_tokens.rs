//! Reset tokens: each works once, and using one uses them all.

use std::time::Duration;

use sidegate::store::{id, reset_tokens, users};

use super::fixture::{Database, NOW};

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
