//! PostgreSQL (the truth) and Redis (the ephemeral), and nobody else knows either.
//!
//! Every call has a name (its `operation`), a deadline, and one error type. What a call asks is a file: SQL under
//! `sql/queries`, Lua under `src/store/scripts`; the Rust here only names parameters and columns.
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
    /// The truth.
    Postgres,
    /// The ephemeral.
    Redis,
}

impl StoreName {
    /// The word in metrics and logs.
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

/// Why a store did not do what it was asked. No variant holds a value of a row or a parameter, so all may be logged.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer within the deadline. Whether the call took effect is unknown.
    #[error("{store} did not answer {operation} in time")]
    Timeout {
        /// Who.
        store: StoreName,
        /// Which call.
        operation: &'static str,
    },
    /// The store is away, refuses connections, or gave up on this call; the same call may work later.
    #[error("{store} is not available for {operation}: {cause}")]
    Unavailable {
        /// Who.
        store: StoreName,
        /// Which call.
        operation: &'static str,
        /// What it said.
        cause: String,
    },
    /// A constraint of the schema refused the row. The name is the sentence that was false.
    #[error("refused by the constraint {name}")]
    Constraint {
        /// The constraint's or unique index's name.
        name: String,
    },
    /// The answer, or the question, is not what the program was written for: a bug, or another program's schema.
    #[error("{store} and the program disagree on {operation}: {cause}")]
    Data {
        /// Who.
        store: StoreName,
        /// Which call.
        operation: &'static str,
        /// What was wrong.
        cause: String,
    },
}

impl StoreError {
    /// Whether the store is unreachable, so that the answer is 503 and `Retry-After`, as opposed to a refusal or a bug.
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unavailable { .. })
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
            Self::Data { .. } => "other",
        }
    }
}
