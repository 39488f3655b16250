//! The connection on which migrations run: its own, outside the pool, without `statement_timeout`.

use std::future::Future;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::types::ToSql;

use super::applied::Applied;
use super::error::MigrateError;
use super::migration::{Migration, runs_without_transaction};
use crate::store::postgres::{Dedicated, Postgres, call_error};
use crate::store::sql::{self, Query};
use crate::store::{StoreError, StoreName};

/// The timeout of the statements around a migration.
const ANSWER: Duration = Duration::from_secs(10);
/// The timeout of a migration.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// The interval of attempts to take the lock.
const RETRY_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Runner(Dedicated);

impl Runner {
    pub(super) async fn connect(postgres: &Postgres) -> Result<Self, MigrateError> {
        Ok(Self(postgres.dedicated("migrate").await?))
    }

    /// Takes the lock, or times out. It belongs to the session, so that it is released if the process dies.
    pub(super) async fn lock(&self, wait: Duration) -> Result<(), MigrateError> {
        let started = Instant::now();
        while !self.flag(&sql::MIGRATION_LOCK).await? {
            if started.elapsed() >= wait {
                return Err(MigrateError::Locked { waited: wait });
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
        Ok(())
    }

    pub(super) async fn unlock(&self) -> Result<(), MigrateError> {
        Ok(self.flag(&sql::MIGRATION_UNLOCK).await.map(drop)?)
    }

    pub(super) async fn create_table(&self) -> Result<(), MigrateError> {
        let query = &sql::MIGRATION_TABLE_CREATE;
        Ok(within(query.name, ANSWER, self.0.client.batch_execute(query.text)).await?)
    }

    /// The migrations that ran, in order.
    pub(super) async fn applied(&self) -> Result<Vec<Applied>, MigrateError> {
        if !self.flag(&sql::MIGRATION_TABLE_EXISTS).await? {
            return Ok(Vec::new());
        }
        let rows = self.query(&sql::MIGRATION_LIST, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| Applied {
                version: row.get(0),
                name: row.get(1),
                checksum: row.get(2),
                at: row.get(3),
                expands: row.get(4),
            })
            .collect())
    }

    pub(super) async fn up(&mut self, migration: &'static Migration, now: OffsetDateTime) -> Result<(), MigrateError> {
        let checksum = migration.checksum();
        let done: [&(dyn ToSql + Sync); 5] = [
            &migration.version,
            &migration.name,
            &checksum.as_slice(),
            &now,
            &migration.is_expand(),
        ];
        self.run(migration, migration.up, &sql::MIGRATION_INSERT, &done).await
    }

    pub(super) async fn down(&mut self, migration: &'static Migration) -> Result<(), MigrateError> {
        self.run(migration, migration.down, &sql::MIGRATION_DELETE, &[&migration.version])
            .await
    }

    /// Runs a file and records it.
    async fn run(
        &mut self,
        migration: &'static Migration,
        file: &'static str,
        done: &'static Query,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<(), MigrateError> {
        if runs_without_transaction(file) {
            for statement in statements(file) {
                self.0
                    .client
                    .batch_execute(statement)
                    .within(LONGEST)
                    .await?
                    .map_err(|error| {
                        failed(
                            migration,
                            statement,
                            &error,
                            "what ran before stays; mend it by hand and run it again",
                        )
                    })?;
            }
            return Ok(within(done.name, ANSWER, self.0.client.execute(done.text, params))
                .await
                .map(drop)?);
        }
        let transaction = within("migrate", ANSWER, self.0.client.transaction()).await?;
        transaction
            .batch_execute(file)
            .within(LONGEST)
            .await?
            .map_err(|error| failed(migration, file, &error, "nothing of it was kept"))?;
        within(done.name, ANSWER, transaction.execute(done.text, params)).await?;
        Ok(within("migrate", LONGEST, transaction.commit()).await?)
    }

    async fn query(&self, query: &'static Query, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        within(query.name, ANSWER, self.0.client.query(query.text, params)).await
    }

    async fn flag(&self, query: &'static Query) -> Result<bool, StoreError> {
        let rows = self.query(query, &[]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }
}

/// The statements of a file that runs without a transaction. They are sent one by one, because the server runs several
/// in one message as a transaction.
fn statements(file: &str) -> impl Iterator<Item = &str> {
    let has_sql = |part: &str| {
        part.lines()
            .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
    };
    file.split_inclusive(";\n").filter(move |part| has_sql(part))
}

fn failed(
    migration: &'static Migration,
    text: &str,
    error: &tokio_postgres::Error,
    aftermath: &'static str,
) -> MigrateError {
    let Some(db) = error.as_db_error() else {
        return call_error("migrate", error).into();
    };
    let place = match db.position() {
        Some(ErrorPosition::Original(position)) => {
            let before = text
                .chars()
                .take(usize::try_from(*position).unwrap_or(usize::MAX).saturating_sub(1));
            format!(" at line {}", before.filter(|character| *character == '\n').count() + 1)
        }
        _ => String::new(),
    };
    MigrateError::Failed {
        name: migration.name,
        place,
        cause: format!("{} ({})", db.message(), db.code().code()),
        aftermath,
    }
}

async fn within<T>(
    operation: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| call_error(operation, &error)),
        Err(_) => Err(StoreError::Timeout {
            store: StoreName::Postgres,
            operation,
        }),
    }
}

trait Within: Future + Sized {
    /// Returns the call's own error, which has more details of a migration than [`StoreError`].
    async fn within(self, limit: Duration) -> Result<Self::Output, StoreError> {
        tokio::time::timeout(limit, self)
            .await
            .map_err(|_| StoreError::Timeout {
                store: StoreName::Postgres,
                operation: "migrate",
            })
    }
}

impl<F: Future> Within for F {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_without_a_transaction_are_sent_one_by_one() {
        let file =
            "-- no-transaction\n-- Why.\nCREATE INDEX a ON b (c);\n\nCREATE INDEX d\n    ON b (e);\n-- The end.\n";
        let found: Vec<&str> = statements(file).map(str::trim).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with("a ON b (c);"));
        assert!(found[1].starts_with("CREATE INDEX d"));
    }
}
