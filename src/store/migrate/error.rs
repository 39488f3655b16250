//! Why the schema does not match the binary.

use std::time::Duration;

use crate::store::StoreError;

/// Why the schema does not match the binary.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// PostgreSQL does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shipped file was edited.
    #[error(
        "migration {name} was changed after it ran on this database; a shipped migration is never edited: \
         put the old file back and add a new one"
    )]
    Changed {
        /// The migration.
        name: String,
    },
    /// The database ran a migration that this binary does not have and cannot ignore.
    #[error(
        "the database is newer than this binary: it ran migration {name} (number {version}), this binary knows up to \
         number {known}; start the newer release, or go back with its `sidegate migrate down`"
    )]
    Newer {
        /// Its number.
        version: i32,
        /// Its name.
        name: String,
        /// The number of the last migration of this binary.
        known: i32,
    },
    /// A migration was added with a lower number than one that has run.
    #[error(
        "migration {name} has a lower number than one that already ran on this database; give it the next free one"
    )]
    OutOfOrder {
        /// The migration.
        name: &'static str,
    },
    /// Another instance holds the lock.
    #[error("another instance has been migrating this database for more than {} s", waited.as_secs())]
    Locked {
        /// How long this one waited.
        waited: Duration,
    },
    /// The server refused a statement.
    #[error("migration {name} failed{place}: {cause}; {aftermath}")]
    Failed {
        /// The migration.
        name: &'static str,
        /// The line, where the server knows it.
        place: String,
        /// The message of the server.
        cause: String,
        /// The hint of the server.
        aftermath: &'static str,
    },
}
