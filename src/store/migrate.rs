//! Migrations: numbered pairs under `sql/migrations`, each run once, in order, by one instance.
//!
//! Embedded in the binary, so that a release and its schema cannot be parted. The database remembers each by number,
//! name and checksum: a shipped file that was edited afterwards stops the start, since nobody could say any more what a
//! database looks like that ran the old one. A database newer than the binary stops it too, with one exception: a
//! migration whose first line is `-- expand` only adds what the release before it can ignore, and the database
//! remembers that, so that both releases run on it during a rolling upgrade and a rollback.
//!
//! A file runs in one transaction with the row that says it ran: a failure, or a lost connection, leaves nothing
//! behind. The exception is a file whose first line is `-- no-transaction` (for CREATE INDEX CONCURRENTLY): its
//! statements, each ended by `;` at the end of a line, run one by one, and it must be written so that it may run twice.

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

/// How long an instance waits for another that is migrating.
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

/// Runs what has not run, and returns it. Several instances may start at once: one migrates, the others wait for it, at
/// most `lock_wait`.
pub async fn up(
    postgres: &Postgres,
    migrations: &'static [Migration],
    lock_wait: Duration,
    now: OffsetDateTime,
) -> Result<Vec<&'static Migration>, MigrateError> {
    let mut runner = Runner::connect(postgres).await?;
    // Without asking for the lock: an ordinary start finds nothing to do, and behind a pooler the lock is out of reach.
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

/// Undoes the last `steps` migrations, the newest first, and returns them. Their data goes with them.
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
        // The way back is in the newer release: to undo an older migration below it would leave neither schema.
        let known = migrations.last().map_or(0, |migration| migration.version);
        let migration = find(migrations, row.version).ok_or_else(|| newer(row, known))?;
        runner.down(migration).await?;
        tracing::info!(version = migration.version, "undid migration {}", migration.name);
        undone.push(migration);
    }
    runner.unlock().await?;
    Ok(undone)
}

/// Where every migration stands, those that only the database knows too.
pub async fn status(postgres: &Postgres, migrations: &'static [Migration]) -> Result<Vec<Line>, MigrateError> {
    let applied = Runner::connect(postgres).await?.applied().await?;
    Ok(status::lines(migrations, &applied))
}

/// How many migrations have not run; an error when the database was made by other files than this binary's.
pub async fn check(postgres: &Postgres, migrations: &'static [Migration]) -> Result<usize, MigrateError> {
    let applied = Runner::connect(postgres).await?.applied().await?;
    Ok(pending(migrations, &applied)?.len())
}

/// Every migration as text, for those who let only a person change a schema.
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
