//! The runner: once, in order, by one instance, all or nothing.

use std::time::Duration;

use sidegate::store::migrate::{self, MigrateError, Migration, State};

use super::fixture::{Database, NOW};

const WAIT: Duration = Duration::from_secs(10);

const A: Migration = Migration {
    version: 1,
    name: "0001_a",
    up: "CREATE TABLE a (i int);",
    down: "DROP TABLE a;",
};
const B: Migration = Migration {
    version: 2,
    name: "0002_b",
    up: "CREATE TABLE b (i int);",
    down: "DROP TABLE b;",
};

/// The migration of the release after that of `A`, which the release of `A` can ignore.
const EXPAND: Migration = Migration {
    version: 2,
    name: "0002_expand",
    up: "-- expand\nCREATE TABLE b (i int);",
    down: "DROP TABLE b;",
};

async fn count(database: &Database, table: &str) -> i64 {
    let question = format!("SELECT count(*) FROM {table}");
    database.raw.query_one(&question, &[]).await.unwrap().get(0)
}

async fn exists(database: &Database, name: &str) -> bool {
    let row = database
        .raw
        .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&name])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn eight_instances_that_start_at_once_migrate_once() {
    let slow: &'static [Migration] = &[
        Migration {
            version: 1,
            name: "0001_a",
            up: "CREATE TABLE a (i int); SELECT pg_sleep(0.3);",
            down: "",
        },
        Migration {
            version: 2,
            name: "0002_fill",
            up: "INSERT INTO a VALUES (1);",
            down: "",
        },
    ];
    let database = Database::empty().await;
    let starts = (0..8).map(|_| migrate::up(&database.postgres, slow, WAIT, NOW));
    let ran: Vec<usize> = futures::future::join_all(starts)
        .await
        .into_iter()
        .map(|ran| ran.unwrap().len())
        .collect();
    assert_eq!(ran.iter().sum::<usize>(), 2, "{ran:?}");
    assert_eq!(count(&database, "a").await, 1);
}

#[tokio::test]
async fn an_instance_waits_for_the_lock_only_so_long() {
    let database = Database::empty().await;
    database
        .raw
        .batch_execute("SELECT pg_advisory_lock(hashtextextended('sidegate:migrations', 0))")
        .await
        .unwrap();
    let error = migrate::up(&database.postgres, &[A], Duration::from_millis(300), NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, MigrateError::Locked { .. }), "{error}");
    assert!(!exists(&database, "a").await);
}

#[tokio::test]
async fn a_start_with_nothing_to_do_does_not_ask_for_the_lock() {
    let database = Database::empty().await;
    migrate::up(&database.postgres, &[A], WAIT, NOW).await.unwrap();
    database
        .raw
        .batch_execute("SELECT pg_advisory_lock(hashtextextended('sidegate:migrations', 0))")
        .await
        .unwrap();
    assert_eq!(
        migrate::up(&database.postgres, &[A], Duration::ZERO, NOW)
            .await
            .unwrap()
            .len(),
        0
    );
}

#[tokio::test]
async fn a_changed_file_stops_the_start_and_is_named() {
    let database = Database::empty().await;
    migrate::up(&database.postgres, &[A], WAIT, NOW).await.unwrap();
    let edited: &'static [Migration] = &[
        Migration {
            version: 1,
            name: "0001_a",
            up: "CREATE TABLE a (i int); ",
            down: "DROP TABLE a;",
        },
        B,
    ];
    for error in [
        migrate::up(&database.postgres, edited, WAIT, NOW).await.unwrap_err(),
        migrate::down(&database.postgres, edited, 1, WAIT).await.unwrap_err(),
        migrate::check(&database.postgres, edited).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("migration 0001_a was changed after it ran"),
            "{error}"
        );
    }
    assert!(!exists(&database, "b").await);
    let status = migrate::status(&database.postgres, edited).await.unwrap();
    assert_eq!(
        status.iter().map(|line| line.state).collect::<Vec<_>>(),
        [State::Changed(NOW), State::Pending]
    );
}

#[tokio::test]
async fn a_database_newer_than_the_binary_is_refused() {
    let database = Database::empty().await;
    migrate::up(&database.postgres, &[A, B], WAIT, NOW).await.unwrap();
    let error = migrate::up(&database.postgres, &[A], WAIT, NOW).await.unwrap_err();
    assert!(
        matches!(
            error,
            MigrateError::Newer {
                version: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    let status = migrate::status(&database.postgres, &[A]).await.unwrap();
    assert_eq!(
        status.iter().map(|line| line.state).collect::<Vec<_>>(),
        [State::Applied(NOW), State::Unknown(NOW)]
    );
}

#[tokio::test]
async fn a_migration_below_one_that_ran_is_refused() {
    let database = Database::empty().await;
    migrate::up(&database.postgres, &[B], WAIT, NOW).await.unwrap();
    let error = migrate::up(&database.postgres, &[A, B], WAIT, NOW).await.unwrap_err();
    assert!(matches!(error, MigrateError::OutOfOrder { name: "0001_a" }), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_behind_and_says_where_it_failed() {
    let broken: &'static [Migration] = &[
        A,
        Migration {
            version: 2,
            name: "0002_broken",
            up: "CREATE TABLE b (i int);\nSELECT nonsense;\n",
            down: "",
        },
    ];
    let database = Database::empty().await;
    let error = migrate::up(&database.postgres, broken, WAIT, NOW).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("0002_broken failed at line 2") && text.contains("nothing of it was kept"),
        "{text}"
    );
    assert!(exists(&database, "a").await);
    assert!(!exists(&database, "b").await);
    assert_eq!(count(&database, "sidegate_migrations").await, 1);
    // The lock was released.
    assert_eq!(
        migrate::up(&database.postgres, &[A, B], WAIT, NOW).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn an_index_can_be_made_concurrently_while_another_instance_waits() {
    let concurrent: &'static [Migration] = &[
        A,
        Migration {
            version: 2,
            name: "0002_index",
            up: "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_i ON a (i);\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_j ON a ((i + 1));\n",
            down: "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS a_i;\nDROP INDEX CONCURRENTLY IF EXISTS a_j;\n",
        },
    ];
    let database = Database::empty().await;
    let (one, two) = tokio::join!(
        migrate::up(&database.postgres, concurrent, WAIT, NOW),
        migrate::up(&database.postgres, concurrent, WAIT, NOW),
    );
    assert_eq!(one.unwrap().len() + two.unwrap().len(), 2);
    assert!(exists(&database, "a_j").await);
    migrate::down(&database.postgres, concurrent, 1, WAIT).await.unwrap();
    assert!(!exists(&database, "a_i").await);
    assert!(exists(&database, "a").await);
}

#[tokio::test]
async fn a_schema_one_expand_migration_ahead_is_accepted_and_left_alone() {
    let database = Database::empty().await;
    migrate::up(&database.postgres, &[A, EXPAND], WAIT, NOW).await.unwrap();

    assert!(
        migrate::up(&database.postgres, &[A], WAIT, NOW)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(migrate::check(&database.postgres, &[A]).await.unwrap(), 0);
    let status = migrate::status(&database.postgres, &[A]).await.unwrap();
    assert_eq!(
        status.iter().map(|line| line.state).collect::<Vec<_>>(),
        [State::Applied(NOW), State::Ahead(NOW)]
    );

    // The down file is in the newer release only.
    let error = migrate::down(&database.postgres, &[A], 1, WAIT).await.unwrap_err();
    assert!(
        matches!(
            error,
            MigrateError::Newer {
                version: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(exists(&database, "a").await && exists(&database, "b").await);
    migrate::down(&database.postgres, &[A, EXPAND], 1, WAIT).await.unwrap();
    assert!(exists(&database, "a").await && !exists(&database, "b").await);
}

#[tokio::test]
async fn a_schema_two_ahead_is_refused_though_both_migrations_expand() {
    let two: &'static [Migration] = &[
        A,
        EXPAND,
        Migration {
            version: 3,
            name: "0003_expand",
            up: "-- expand\nCREATE TABLE c (i int);",
            down: "DROP TABLE c;",
        },
    ];
    let database = Database::empty().await;
    migrate::up(&database.postgres, two, WAIT, NOW).await.unwrap();
    for error in [
        migrate::up(&database.postgres, &[A], WAIT, NOW).await.unwrap_err(),
        migrate::check(&database.postgres, &[A]).await.unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                MigrateError::Newer {
                    version: 3,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
    // The release in between can work with it.
    assert_eq!(migrate::check(&database.postgres, &[A, EXPAND]).await.unwrap(), 0);
}
