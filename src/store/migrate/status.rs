//! Where every migration stands, for `sidegate migrate status`.

use time::OffsetDateTime;

use super::applied::{Applied, find, is_one_ahead};
use super::migration::Migration;

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
    /// It ran, this binary does not know it, and can work with what it left.
    Ahead(OffsetDateTime),
    /// It ran, and this binary does not know it.
    Unknown(OffsetDateTime),
}

/// Compares both sides, also where only one of them knows a migration.
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
