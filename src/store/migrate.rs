//! Migrations: numbered pairs under `sql/migrations`, each run once, in order, by one instance.
//!
//! The files are embedded in the binary, so that a release always has its schema. The database stores number, name and
//! checksum of each: if a file was edited after it ran, the start fails, because the state of a database that ran the
//! old one is unknown. A database that is newer than the binary is refused too, with one exception: a migration whose
//! first line is `-- expand` only adds what the previous release can ignore, and the database stores that, so that both
//! releases run on it during a rolling upgrade and a rollback.
//!
//! A file runs in one transaction with the row that records it: a failure, or a lost connection, leaves nothing behind.
//! The exception is a file whose first line is `-- no-transaction` (for CREATE INDEX CONCURRENTLY): its statements,
//! each terminated by `;` at the end of a line, run one by one, and must be written so that they can be repeated.

mod applied;
mod error;
mod migration;
mod runner;
mod status;

use std::time::Duration;

use time::OffsetDateTime;

use self::applied::{find, newer, pending};
use self::runner::Runner;
use super::postgres::Postgres;

pub use self::error::MigrateError;
pub use self::migration::Migration;
pub use self::status::{Line, State};

/// How long an instance waits for another one that is migrating.
pub const LOCK_WAIT: Duration = Duration::from_secs(60);

macro_rules! migrations {
    ($($version:literal = $name:literal,)*) => {
        &[$(Migration {
            version: $version,
            name: $name,
            up: include_str!(concat!("../../sql/migrations/", $name, ".up.sql")),
            down: include_str!(concat!("../../sql/migrations/", $name, ".down.sql")),
        },)*]
    };
}

/// The migrations of this release, in order.
pub const SHIPPED: &[Migration] = migrations! {
    1 = "0001_initial_schema",
};

/// Runs the pending migrations and returns them. If several instances start at once, one migrates and the others wait
/// for it, at most `lock_wait`.
pub async fn up(
    postgres: &Postgres,
    migrations: &'static [Migration],
    lock_wait: Duration,
    now: OffsetDateTime,
) -> Result<Vec<&'static Migration>, MigrateError> {
    let mut runner = Runner::connect(postgres).await?;
    // Without the lock, because usually nothing is pending, and the lock cannot be taken through a pooler.
    let applied = runner.applied().await?;
    if pending(migrations, &applied)?.is_empty() {
        if let Some(ahead) = applied.iter().find(|row| find(migrations, row.version).is_none()) {
            tracing::info!(
                version = ahead.version,
                "the database is one migration ahead, {}, which this release can work with",
                ahead.name
            );
        }
        return Ok(Vec::new());
    }
    runner.lock(lock_wait).await?;
    runner.create_table().await?;
    let pending = pending(migrations, &runner.applied().await?)?;
    for migration in &pending {
        runner.up(migration, now).await?;
        tracing::info!(version = migration.version, "ran migration {}", migration.name);
    }
    runner.unlock().await?;
    Ok(pending)
}

/// Reverts the last `steps` migrations, the newest first, and returns them. Their data is lost.
pub async fn down(
    postgres: &Postgres,
    migrations: &'static [Migration],
    steps: usize,
    lock_wait: Duration,
) -> Result<Vec<&'static Migration>, MigrateError> {
    let mut runner = Runner::connect(postgres).await?;
    runner.lock(lock_wait).await?;
    let applied = runner.applied().await?;
    pending(migrations, &applied)?;
    let mut undone = Vec::new();
    for row in applied.iter().rev().take(steps) {
        // The down file is in the newer release, and reverting an older migration below it would result in neither
        // schema.
        let known = migrations.last().map_or(0, |migration| migration.version);
        let migration = find(migrations, row.version).ok_or_else(|| newer(row, known))?;
        runner.down(migration).await?;
        tracing::info!(version = migration.version, "undid migration {}", migration.name);
        undone.push(migration);
    }
    runner.unlock().await?;
    Ok(undone)
}

/// The status of every migration, also of those that only the database knows.
pub async fn status(postgres: &Postgres, migrations: &'static [Migration]) -> Result<Vec<Line>, MigrateError> {
    let applied = Runner::connect(postgres).await?.applied().await?;
    Ok(status::lines(migrations, &applied))
}

/// The number of pending migrations; an error if the database was created by other files than those of this binary.
pub async fn check(postgres: &Postgres, migrations: &'static [Migration]) -> Result<usize, MigrateError> {
    let applied = Runner::connect(postgres).await?.applied().await?;
    Ok(pending(migrations, &applied)?.len())
}

/// Every migration as text, for installations in which a person applies them.
pub fn sql(migrations: &[Migration]) -> String {
    let files = migrations
        .iter()
        .map(|migration| format!("-- {}.up.sql\n\n{}", migration.name, migration.up));
    files.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_shipped_under_its_own_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/migrations");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let shipped: BTreeSet<String> = SHIPPED
            .iter()
            .flat_map(|migration| {
                [
                    format!("{}.up.sql", migration.name),
                    format!("{}.down.sql", migration.name),
                ]
            })
            .collect();
        assert_eq!(files, shipped);
        for (index, migration) in SHIPPED.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version).unwrap(), index + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.version)));
        }
    }
}
