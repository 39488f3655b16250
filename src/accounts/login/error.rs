//! The error of a sign-in.

use std::time::Duration;

use crate::accounts::error::Failure;
use crate::store::StoreError;

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, a wrong password, or a locked account.
    #[error("wrong email address, username or password")]
    BadCredentials,
    /// The password is correct, but the email address is not verified.
    #[error("the email address is not verified")]
    EmailUnverified,
    /// The password is correct, but an operator required a change of it.
    #[error("the password has to be changed")]
    PasswordResetRequired,
    /// Too many attempts from this client IP, or for this account.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
