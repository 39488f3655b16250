//! A database with the real schema and very many rows.

use std::time::Instant;

use tokio_postgres::Client;

use crate::support::Database;

/// How many rows the large tables get; the others follow from them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) users: u32,
    /// Three for every twenty ended ones: `accounts.sql` counts on it.
    pub(super) live_sessions: u32,
    pub(super) ended_sessions: u32,
    pub(super) audit_entries: u32,
}

/// Makes and fills it. The rows go in without indexes, which are created after them, on two connections at once.
pub(super) async fn filled(size: Size) -> (Database, Client) {
    let begun = Instant::now();
    let database = Database::empty().await;
    let client = database.connect().await;
    client
        .batch_execute(include_str!("../../../sql/schema.sql"))
        .await
        .unwrap();
    client
        .batch_execute(include_str!("../../../sql/queries/migration_table_create.sql"))
        .await
        .unwrap();
    client
        .batch_execute("INSERT INTO sidegate_migrations VALUES (1, '0001', sha256('1'), now(), false)")
        .await
        .unwrap();
    client.batch_execute(&sized("functions.sql", size)).await.unwrap();
    let beside = database.connect().await;
    let (accounts, audit) = (sized("accounts.sql", size), sized("audit.sql", size));
    let (accounts, audit) = tokio::join!(client.batch_execute(&accounts), beside.batch_execute(&audit));
    accounts.unwrap();
    audit.unwrap();
    client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
    println!("{size:?}: made in {} s", begun.elapsed().as_secs());
    (database, client)
}

/// The text of a file with the sizes instead of `:users` and the others.
fn sized(file: &str, size: Size) -> String {
    let path = format!("{}/tests/it/scale/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.replace(":users", &size.users.to_string())
        .replace(":sessions", &(size.live_sessions + size.ended_sessions).to_string())
        .replace(":audit_entries", &size.audit_entries.to_string())
}
