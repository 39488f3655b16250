//! Access to PostgreSQL, the source of truth, and to Redis, which holds ephemeral data. No other module uses either.
//!
//! Every call has a name (its `operation`), a timeout, and one error type. Queries are files: SQL under `sql/queries`,
//! Lua under `src/store/scripts`; the Rust here only names parameters and columns.
//!
//! ```text
//! postgres        pool, client, transaction, deadlines, TLS
//! sql             every query by name
//! users …         one file per table: rows as structs, queries as functions
//! migrate         the numbered files, once, in order, by one instance
//! redis           sockets, deadlines
//! redis_keys      the name of every key
//! scripts         every Lua script by name
//! revocations …   one file per resource in Redis
//! ```

#![expect(
    clippy::missing_errors_doc,
    reason = "every function here returns StoreError, which says when"
)]

use std::fmt;

pub mod audit;
pub mod cleanup;
pub mod codes;
pub mod distinct;
pub mod factors;
pub mod id;
pub mod insight;
pub mod invitations;
pub mod mail;
pub mod migrate;
pub mod postgres;
pub mod presence;
pub mod rate_limits;
pub mod redis;
mod redis_keys;
pub mod refresh_tokens;
pub mod reset_tokens;
pub mod revocations;
mod scripts;
pub mod sealed;
pub mod sessions;
pub mod sessions_seen;
pub mod signing_keys;
pub mod sql;
pub mod user_cache;
pub mod user_import;
pub mod user_list;
pub mod users;

pub use self::postgres::Postgres;
pub use self::redis::Redis;

/// Which store a call went to: the label `store` of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreName {
    /// The source of truth.
    Postgres,
    /// Ephemeral data.
    Redis,
}

impl StoreName {
    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call to a store failed. No variant contains a value of a row or a parameter, so that all can be logged.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No response within the timeout. It is unknown whether the call took effect.
    #[error("{store} did not answer {operation} in time")]
    Timeout {
        /// The store that was called.
        store: StoreName,
        /// The operation.
        operation: &'static str,
    },
    /// The store is unreachable, refuses connections, or aborted the call; a retry may succeed.
    #[error("{store} is not available for {operation}: {cause}")]
    Unavailable {
        /// The store that was called.
        store: StoreName,
        /// The operation.
        operation: &'static str,
        /// The error of the store.
        cause: String,
    },
    /// A constraint of the schema refused the row. Its name is the sentence that was false.
    #[error("refused by the constraint {name}")]
    Constraint {
        /// The constraint's or unique index's name.
        name: String,
    },
    /// The store refuses the call, because the operator has not granted a privilege or forbids it with a trigger: the call
    /// succeeds once that is repaired.
    #[error("{store} refuses {operation}: {cause}")]
    Refused {
        /// The store that was called.
        store: StoreName,
        /// The operation.
        operation: &'static str,
        /// The error of the store.
        cause: String,
    },
    /// The query or its result does not match the program: a defect, or another program's schema.
    #[error("{store} and the program disagree on {operation}: {cause}")]
    Data {
        /// The store that was called.
        store: StoreName,
        /// The operation.
        operation: &'static str,
        /// The mismatch.
        cause: String,
    },
}

impl StoreError {
    /// Whether the store is unreachable, so that waiting for it is worth it.
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unavailable { .. })
    }

    /// Whether a later retry may succeed, so that the response is 503 with `Retry-After`, as opposed to a defect.
    pub const fn is_temporary(&self) -> bool {
        self.is_outage() || matches!(self, Self::Refused { .. })
    }

    /// Whether the named constraint refused the row.
    pub fn is_constraint(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint { name } if name == constraint)
    }

    /// The label `reason` of `store_operation_errors_total`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Unavailable { .. } => "connection",
            Self::Constraint { .. } => "constraint",
            Self::Refused { .. } => "refused",
            Self::Data { .. } => "other",
        }
    }
}
