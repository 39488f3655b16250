//! The outbox: what is committed is read, whatever the order of ids and commits.

use std::sync::Arc;
use std::time::Duration;

use sidegate::store::cleanup::{self, Before};
use sidegate::store::revocations::{Outbox, Recorded, Revocation, Subject, insert};
use tokio::sync::Notify;

use super::super::fixture::{Database, NOW};
use super::ISSUER;
use crate::support::wait_until;

fn revocation(subject: Subject) -> Revocation {
    Revocation {
        subject,
        expires_at: NOW + Duration::from_secs(600),
    }
}

fn session(id: &str) -> Revocation {
    revocation(Subject::Session(id.to_owned()))
}

async fn commit(database: &Database, revocations: Vec<Revocation>) -> Vec<Recorded> {
    let tx = database.postgres.transaction("test").await.unwrap();
    let recorded = insert(&tx, revocations, NOW).await.unwrap();
    tx.commit().await.unwrap();
    recorded
}

fn sessions(rows: &[Recorded]) -> Vec<&str> {
    let mut ids: Vec<_> = rows
        .iter()
        .map(|row| match &row.revocation.subject {
            Subject::Session(id) => &**id,
            other => panic!("{other:?}"),
        })
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn what_is_recorded_is_read_as_it_was_written() {
    let database = Database::migrated().await;
    let written = vec![
        revocation(Subject::Token("j".to_owned())),
        session("s"),
        revocation(Subject::User {
            issuer: ISSUER.to_owned(),
            id: "u".to_owned(),
            version: 7,
        }),
        revocation(Subject::Key("k".to_owned())),
    ];
    let recorded = commit(&database, written.clone()).await;
    assert!(recorded.iter().map(|row| &row.revocation).eq(&written));

    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::default());
    let read = outbox.read(false, &woken, NOW).await.unwrap();
    assert!(read.whole, "the first reading is of all there is");
    assert_eq!(read.rows, recorded);
}

#[tokio::test]
async fn what_is_rolled_back_was_never_recorded() {
    let database = Database::migrated().await;
    let tx = database.postgres.transaction("test").await.unwrap();
    insert(&tx, vec![session("s")], NOW).await.unwrap();
    tx.rollback().await.unwrap();
    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::default());
    assert_eq!(outbox.read(true, &woken, NOW).await.unwrap().rows, []);
}

#[tokio::test]
async fn a_row_whose_transaction_began_before_others_and_commits_after_them_is_not_missed() {
    let database = Database::migrated().await;
    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::default());
    outbox.read(false, &woken, NOW).await.unwrap();

    let slow = database.postgres.transaction("slow").await.unwrap();
    insert(&slow, vec![session("slow")], NOW).await.unwrap();
    commit(&database, vec![session("quick")]).await;
    let read = outbox.read(false, &woken, NOW).await.unwrap();
    assert_eq!((sessions(&read.rows), read.whole), (vec!["quick"], false));

    slow.commit().await.unwrap();
    let read = outbox.read(false, &woken, NOW).await.unwrap();
    assert_eq!(sessions(&read.rows), ["quick", "slow"], "the first is shown once more");
    // Other tests' transactions on the server may hold it up.
    wait_until("neither of them is shown again", Duration::from_secs(30), async || {
        outbox.read(false, &woken, NOW).await.unwrap().rows.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_commit_notifies_the_followers() {
    let database = Database::migrated().await;
    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::<Notify>::default());
    outbox.read(false, &woken, NOW).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(100), woken.notified()).await;
    assert!(quiet.is_err(), "nothing was recorded");
    commit(&database, vec![session("s")]).await;
    tokio::time::timeout(Duration::from_secs(5), woken.notified())
        .await
        .unwrap();
}

#[tokio::test]
async fn after_a_lost_connection_everything_is_read_again() {
    let database = Database::migrated().await;
    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::<Notify>::default());
    commit(&database, vec![session("s")]).await;
    outbox.read(false, &woken, NOW).await.unwrap();
    database
        .raw
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND query ILIKE '%revocations%' AND pid <> pg_backend_pid()",
            &[],
        )
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), woken.notified())
        .await
        .unwrap();
    assert!(outbox.read(false, &woken, NOW).await.is_err(), "said once");
    let read = outbox.read(false, &woken, NOW).await.unwrap();
    assert_eq!((sessions(&read.rows), read.whole), (vec!["s"], true));
}

#[tokio::test]
async fn what_has_expired_is_not_read_and_is_cleaned_up() {
    let database = Database::migrated().await;
    commit(&database, vec![session("s")]).await;
    let later = NOW + Duration::from_secs(3_600);
    let (mut outbox, woken) = (Outbox::new(&database.postgres, ISSUER), Arc::default());
    assert_eq!(outbox.read(true, &woken, later).await.unwrap().rows, []);
    let before = |revocations| Before {
        revocations,
        ..Before::at(NOW, Duration::ZERO, Duration::ZERO)
    };
    let removed = cleanup::run(&database.postgres, before(NOW)).await.unwrap().unwrap();
    assert_eq!(removed.revocations, 0);
    let removed = cleanup::run(&database.postgres, before(later)).await.unwrap().unwrap();
    assert_eq!(removed.revocations, 1);
}
