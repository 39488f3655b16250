//! The errors of a start.

use std::net::SocketAddr;

use crate::store::{postgres, redis};

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The URL of PostgreSQL is not usable.
    #[error("`store.postgres`: {0}")]
    Postgres(#[from] postgres::BadUrl),
    /// The URL of Redis is not usable.
    #[error("`store.redis`: {0}")]
    Redis(#[from] redis::BadUrl),
    /// A listen address is not available.
    #[error("`{key}`: cannot listen on {address}: {cause}")]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        cause: std::io::Error,
    },
    /// A command that needs an issuer was called with the configuration of a verifier.
    #[error(
        "`auth`: the section is missing: this command needs the configuration of an issuer, and this one is a verifier's"
    )]
    NotAnIssuer,
    /// The operating system refused threads or a runtime.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}
