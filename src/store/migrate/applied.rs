//! Compares the migrations that a database ran with those of the binary.

use time::OffsetDateTime;

use super::error::MigrateError;
use super::migration::Migration;

/// A row of `sidegate_migrations`.
pub(super) struct Applied {
    pub(super) version: i32,
    pub(super) name: String,
    pub(super) checksum: Vec<u8>,
    pub(super) at: OffsetDateTime,
    /// Whether the release before this migration can ignore it (`-- expand`).
    pub(super) expands: bool,
}

/// The pending migrations, or why the database does not match.
///
/// A database can be one expand migration ahead: during a rolling upgrade, and after a rollback, instances of the
/// previous release have to start on it. It cannot be two ahead, because the release after next may have removed what
/// this one needs.
pub(super) fn pending(
    migrations: &'static [Migration],
    applied: &[Applied],
) -> Result<Vec<&'static Migration>, MigrateError> {
    let known = migrations.last().map_or(0, |migration| migration.version);
    for row in applied {
        match find(migrations, row.version) {
            None if is_one_ahead(migrations, row) => {}
            None => return Err(newer(row, known)),
            Some(migration) if row.checksum != migration.checksum() => {
                return Err(MigrateError::Changed { name: row.name.clone() });
            }
            Some(_) => {}
        }
    }
    let newest = applied.last().map_or(0, |row| row.version);
    let pending: Vec<_> = migrations
        .iter()
        .filter(|migration| applied.iter().all(|row| row.version != migration.version))
        .collect();
    match pending.iter().find(|migration| migration.version < newest) {
        Some(migration) => Err(MigrateError::OutOfOrder { name: migration.name }),
        None => Ok(pending),
    }
}

/// Whether a row is the migration after the last one of the binary, and can be ignored.
pub(super) fn is_one_ahead(migrations: &[Migration], row: &Applied) -> bool {
    let known = migrations.last().map_or(0, |migration| migration.version);
    row.expands && row.version == known + 1
}

/// A migration that the binary cannot work with.
pub(super) fn newer(row: &Applied, known: i32) -> MigrateError {
    MigrateError::Newer {
        version: row.version,
        name: row.name.clone(),
        known,
    }
}

pub(super) fn find(migrations: &'static [Migration], version: i32) -> Option<&'static Migration> {
    migrations.iter().find(|migration| migration.version == version)
}
