//! The status of migrations, for `sidegate migrate status`.

use time::OffsetDateTime;

use super::applied::{Applied, find, is_one_ahead};
use super::migration::Migration;

/// A migration and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// Its status.
    pub state: State,
}

/// The status of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has run.
    Applied(OffsetDateTime),
    /// It is pending.
    Pending,
    /// It has run, and its files were edited since.
    Changed(OffsetDateTime),
    /// It has run, this binary does not have it, and can ignore it.
    Ahead(OffsetDateTime),
    /// It has run, and this binary does not have it.
    Unknown(OffsetDateTime),
}

/// Compares the files with the rows of the database; either can lack a migration.
pub(super) fn lines(migrations: &'static [Migration], applied: &[Applied]) -> Vec<Line> {
    let mut lines: Vec<Line> = applied
        .iter()
        .map(|row| {
            let state = match find(migrations, row.version) {
                None if is_one_ahead(migrations, row) => State::Ahead(row.at),
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
    lines
}
