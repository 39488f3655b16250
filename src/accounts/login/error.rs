//! The error of a sign-in.

use std::time::Duration;

use crate::accounts::error::Failure;
use crate::store::StoreError;

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, a wrong password, or a locked account.
    #[error("wrong name or password")]
    BadCredentials,
    /// The password is correct, but the email address is not verified.
    #[error("the address is not verified")]
    EmailUnverified,
    /// The password is correct, but an operator required a change of it.
    #[error("the password must be replaced")]
    PasswordResetRequired,
    /// Too many attempts from this client IP, or for this account.
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
