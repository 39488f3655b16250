//! What can go wrong for any of the services.

use crate::accounts::password::hasher::HashError;
use crate::accounts::sessions::tokens::IssueError;
use crate::store::StoreError;

/// A failure that is nobody's fault who asked. What a caller did wrong is in each service's own error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A store is away; the same call may work in a moment.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many passwords wait to be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No access token could be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Failure {
    /// Whether trying again later may help; otherwise it is a defect.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_outage(),
            Self::Hash(error) => matches!(error, HashError::Overloaded),
            Self::Issue(error) => matches!(error, IssueError::NoKey),
        }
    }
}
