//! Errors that all services have in common.

use crate::accounts::password::hasher::HashError;
use crate::accounts::sessions::tokens::IssueError;
use crate::store::StoreError;

/// A failure that is not the caller's fault. Errors of the caller are in each service's own error type.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A store is unreachable; a retry may succeed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many passwords are waiting to be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No access token could be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Failure {
    /// Whether a later retry may succeed; otherwise it is a defect.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Hash(error) => matches!(error, HashError::Overloaded),
            Self::Issue(error) => matches!(error, IssueError::NoKey),
        }
    }
}
