//! The pool: timeouts, cancelled calls, and the guarantees of a transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::postgres::{Postgres, Settings};
use sidegate::store::{StoreError, user_list, users};

use super::fixture::{Database, NOW, new_user};

#[tokio::test]
async fn a_server_that_is_away_fails_the_call_and_not_the_start() {
    let settings = Settings {
        url: Secret::new("postgres:///nobody?host=/nonexistent"),
        max: 1,
        wait: Duration::from_millis(200),
        statement_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_millis(200),
        replicas: Vec::new(),
    };
    let postgres = Postgres::connect(&settings, &Arc::new(Metrics::new())).unwrap();
    let error = postgres.ping().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
}

#[tokio::test]
async fn a_server_that_accepts_and_stays_silent_costs_no_more_than_the_connect_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = Secret::new(format!("postgres://u@127.0.0.1:{port}/db"));
    let settings = Settings {
        url,
        max: 1,
        wait: Duration::from_millis(200),
        statement_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_millis(300),
        replicas: Vec::new(),
    };
    let postgres = Postgres::connect(&settings, &Arc::new(Metrics::new())).unwrap();
    let started = Instant::now();
    let error = postgres.ping().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_caller_waits_for_a_free_connection_only_so_long() {
    let database = Database::migrated().await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(database.postgres.client().await.unwrap());
    }
    let error = database.postgres.ping().await.unwrap_err();
    assert!(
        matches!(error, StoreError::Timeout { operation: "ping", .. }),
        "{error}"
    );
    drop(held);
    database.postgres.ping().await.unwrap();
}

#[tokio::test]
async fn a_statement_that_waits_too_long_ends_and_the_connection_is_usable_again() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut short = database.settings();
    short.statement_timeout = Duration::from_millis(300);
    short.max = 1;
    let postgres = Postgres::connect(&short, &Arc::new(Metrics::new())).unwrap();
    let holder = database.postgres.transaction("hold").await.unwrap();
    users::find_for_update(&holder, ada.id).await.unwrap();
    let tx = postgres.transaction("wait").await.unwrap();
    let error = users::find_for_update(&tx, ada.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{error}");
    drop(tx);
    assert!(users::find(&postgres, ada.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_call_cut_short_never_hands_its_connection_to_the_next_caller() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut one = database.settings();
    one.max = 1;
    let postgres = Postgres::connect(&one, &Arc::new(Metrics::new())).unwrap();
    let holder = database.postgres.transaction("hold").await.unwrap();
    users::find_for_update(&holder, ada.id).await.unwrap();
    let waiting = async {
        let tx = postgres.transaction("wait").await.unwrap();
        users::find_for_update(&tx, ada.id).await
    };
    // The client disconnected.
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    // On the same connection this would wait behind the statement above.
    let started = Instant::now();
    postgres.ping().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_leaves_nothing() {
    let database = Database::migrated().await;
    let tx = database.postgres.transaction("register").await.unwrap();
    users::create(&tx, &new_user("ada@example.com"), NOW).await.unwrap();
    drop(tx);
    assert_eq!(user_list::count(&database.postgres, NOW).await.unwrap().existing, 0);
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_cannot_be_committed() {
    let database = Database::migrated().await;
    database.user("ada@example.com").await;
    let tx = database.postgres.transaction("register").await.unwrap();
    users::create(&tx, &new_user("bob@example.com"), NOW).await.unwrap();
    users::create(&tx, &new_user("ada@example.com"), NOW).await.unwrap_err();
    assert!(matches!(tx.commit().await.unwrap_err(), StoreError::Data { .. }));
    assert_eq!(user_list::count(&database.postgres, NOW).await.unwrap().existing, 1);
}

#[tokio::test]
async fn a_change_of_the_schema_does_not_break_prepared_statements() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut one = database.settings();
    one.max = 1;
    let postgres = Postgres::connect(&one, &Arc::new(Metrics::new())).unwrap();
    users::find(&postgres, ada.id).await.unwrap().unwrap();
    database
        .raw
        .batch_execute("ALTER TABLE users ALTER COLUMN username TYPE varchar(64); ALTER TABLE users ALTER COLUMN email TYPE varchar(254)")
        .await
        .unwrap();
    users::find(&postgres, ada.id).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_read_passes_over_a_replica_that_is_away() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut with_replica = database.settings();
    with_replica.connect_timeout = Duration::from_millis(300);
    with_replica.replicas = vec![Secret::new("postgres:///nobody?host=/nonexistent")];
    let postgres = Postgres::connect(&with_replica, &Arc::new(Metrics::new())).unwrap();
    assert!(users::find(&postgres.reader(), ada.id).await.unwrap().is_some());
}

#[tokio::test]
async fn after_the_server_dropped_every_connection_calls_work_again() {
    let database = Database::migrated().await;
    database.postgres.ping().await.unwrap();
    let server = &database.raw;
    server
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sidegate'", &[])
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), async {
        while database.postgres.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}
