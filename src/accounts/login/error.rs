//! Why there is no session.

use std::time::Duration;

use crate::accounts::error::Failure;
use crate::store::StoreError;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, or not its password, or it is locked.
    #[error("wrong name or password")]
    BadCredentials,
    /// The password is right, and the address was never confirmed.
    #[error("the address is not verified")]
    EmailUnverified,
    /// The password is right, and an operator wants another.
    #[error("the password must be replaced")]
    PasswordResetRequired,
    /// Too many attempts from this address or for this account.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
