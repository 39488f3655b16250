//! Why a process does not start.

use std::net::SocketAddr;

use crate::store::{postgres, redis};

/// Why the process does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// PostgreSQL's URL.
    #[error("`store.postgres`: {0}")]
    Postgres(#[from] postgres::BadUrl),
    /// Redis' URL.
    #[error("`store.redis`: {0}")]
    Redis(#[from] redis::BadUrl),
    /// A socket.
    #[error("`{key}`: cannot listen on {address}: {cause}")]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A command for issuers on the configuration of a verifier.
    #[error("this configuration is a verifier's: without `auth` there are no accounts and no database")]
    NotAnIssuer,
    /// The system.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}
