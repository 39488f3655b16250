//! Migrations: numbered pairs under `sql/migrations`, each run once, in order, by one instance.
//!
//! Embedded in the binary, so that a release and its schema cannot be parted. The database remembers each by number, name
//! and checksum: a shipped file that was edited afterwards stops the start, since nobody could say any more what a database
//! looks like that ran the old one. A database newer than the binary stops it too.
//!
//! A file runs in one transaction with the row that says it ran: a failure, or a lost connection, leaves nothing behind.
//! The exception is a file whose first line is `-- no-transaction` (for CREATE INDEX CONCURRENTLY): its statements, each
//! ended by `;` at the end of a line, run one by one, and it must be written so that it may run twice.

mod runner;

use std::time::Duration;

use time::OffsetDateTime;

use self::runner::Runner;
use super::StoreError;
use super::postgres::Postgres;

/// How long an instance waits for another that is migrating.
pub const LOCK_WAIT: Duration = Duration::from_secs(60);

/// One pair of files.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number; they run in its order.
    pub version: i32,
    /// The file's name without `.up.sql`.
    pub name: &'static str,
    /// There.
    pub up: &'static str,
    /// And back.
    pub down: &'static str,
}

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

impl Migration {
    /// SHA-256 over both files.
    pub fn checksum(&self) -> [u8; 32] {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        digest.update(self.up.as_bytes());
        digest.update(b"\0");
        digest.update(self.down.as_bytes());
        digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

/// Why the schema is not what this binary needs.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shipped file was edited.
    #[error(
        "migration {name} was changed after it ran on this database; a shipped migration is never edited: \
         put the old file back and add a new one"
    )]
    Changed {
        /// Which.
        name: String,
    },
    /// The database knows a migration that the binary does not.
    #[error(
        "the database is newer than this binary: it ran migration {name} (number {version}), this binary knows up to \
         number {known}; start the newer release, or go back with its `sidegate migrate down`"
    )]
    Newer {
        /// Its number.
        version: i32,
        /// Its name.
        name: String,
        /// The last number the binary knows.
        known: i32,
    },
    /// A migration was added below one that ran.
    #[error(
        "migration {name} has a lower number than one that already ran on this database; give it the next free one"
    )]
    OutOfOrder {
        /// Which.
        name: &'static str,
    },
    /// Another instance does not come to an end.
    #[error("another instance has been migrating this database for more than {} s", waited.as_secs())]
    Locked {
        /// How long this one waited.
        waited: Duration,
    },
    /// The server refused a statement.
    #[error("migration {name} failed{place}: {cause}; {aftermath}")]
    Failed {
        /// Which.
        name: &'static str,
        /// The line, where the server knows it.
        place: String,
        /// What the server said.
        cause: String,
        /// What to do.
        aftermath: &'static str,
    },
}

/// Where one migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: State,
}

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It ran.
    Applied(OffsetDateTime),
    /// It will run.
    Pending,
    /// It ran, and its files were edited since.
    Changed(OffsetDateTime),
    /// It ran, and this binary does not know it.
    Unknown(OffsetDateTime),
}

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
    if pending(migrations, &runner.applied().await?)?.is_empty() {
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
        let migration = find(migrations, row.version).expect("pending() refuses what is not known");
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
    let mut lines: Vec<Line> = applied
        .iter()
        .map(|row| {
            let state = match find(migrations, row.version) {
                None => State::Unknown(row.at),
                Some(migration) if row.checksum != migration.checksum() => State::Changed(row.at),
                Some(_) => State::Applied(row.at),
            };
            Line {
                version: row.version,
                name: row.name.clone(),
                state,
            }
        })
        .collect();
    let pending = migrations
        .iter()
        .filter(|migration| applied.iter().all(|row| row.version != migration.version));
    lines.extend(pending.map(|migration| Line {
        version: migration.version,
        name: migration.name.to_owned(),
        state: State::Pending,
    }));
    lines.sort_by_key(|line| line.version);
    Ok(lines)
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

/// What has not run; or why what has run does not fit.
fn pending(migrations: &'static [Migration], applied: &[Applied]) -> Result<Vec<&'static Migration>, MigrateError> {
    let known = migrations.last().map_or(0, |migration| migration.version);
    let newest = applied.last().map_or(0, |row| row.version);
    for row in applied {
        match find(migrations, row.version) {
            None => {
                return Err(MigrateError::Newer {
                    version: row.version,
                    name: row.name.clone(),
                    known,
                });
            }
            Some(migration) if row.checksum != migration.checksum() => {
                return Err(MigrateError::Changed { name: row.name.clone() });
            }
            Some(_) => {}
        }
    }
    let pending: Vec<_> = migrations
        .iter()
        .filter(|migration| applied.iter().all(|row| row.version != migration.version))
        .collect();
    match pending.iter().find(|migration| migration.version < newest) {
        Some(migration) => Err(MigrateError::OutOfOrder { name: migration.name }),
        None => Ok(pending),
    }
}

fn find(migrations: &'static [Migration], version: i32) -> Option<&'static Migration> {
    migrations.iter().find(|migration| migration.version == version)
}

/// A row of `sidegate_migrations`.
struct Applied {
    version: i32,
    name: String,
    checksum: Vec<u8>,
    at: OffsetDateTime,
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
