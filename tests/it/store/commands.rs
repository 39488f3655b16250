//! `sidegate migrate` and `sidegate db`.

use std::time::Duration;

use clap::Parser;
use sidegate::cli::{db, migrate};
use sidegate::config::boot::Retention;

use super::fixture::{Database, NOW};

#[derive(Parser)]
struct Migrate {
    #[command(flatten)]
    args: migrate::Args,
}

#[derive(Parser)]
struct Db {
    #[command(flatten)]
    args: db::Args,
}

async fn migrate(database: &Database, line: &str) -> String {
    let args = Migrate::parse_from(line.split(' ')).args;
    let mut out = Vec::new();
    migrate::run(&args, &database.postgres, NOW, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn migrate_goes_up_and_down_and_says_where_it_is() {
    let database = Database::empty().await;
    assert!(
        migrate(&database, "migrate status")
            .await
            .contains("0001_initial_schema  pending")
    );
    assert_eq!(migrate(&database, "migrate up").await, "ran 0001_initial_schema\n");
    assert_eq!(migrate(&database, "migrate up").await, "nothing to do\n");
    let status = migrate(&database, "migrate status").await;
    assert!(
        status.contains("0001_initial_schema  applied  2026-11-23T12:00:00Z"),
        "{status}"
    );
    assert_eq!(migrate(&database, "migrate down").await, "undid 0001_initial_schema\n");
    assert!(migrate(&database, "migrate sql").await.contains("CREATE TABLE users"));
}

#[tokio::test]
async fn db_shows_sizes_connections_and_indexes_and_cleans_up() {
    let database = Database::migrated().await;
    database.user("ada@example.com").await;
    let retention = Retention {
        tokens: Duration::from_secs(1),
        audit: Duration::from_secs(1),
    };
    for (line, expected) in [
        ("db table-sizes", "audit_logs"),
        ("db connections", "sidegate"),
        ("db index-usage --output json", "users_email_is_taken"),
        ("db cleanup", "REFRESH TOKENS"),
    ] {
        let args = Db::parse_from(line.split(' ')).args;
        let mut out = Vec::new();
        db::run(&args, &database.postgres, retention, NOW, &mut out)
            .await
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(expected), "{line}: {text}");
    }
}
