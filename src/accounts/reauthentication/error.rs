//! The error of a re-authentication.

use std::time::Duration;

use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::RateLimited;
use crate::store::StoreError;

/// Why a signed-in user may not change a credential.
#[derive(Debug, thiserror::Error)]
pub enum ReauthenticationError {
    /// The account or the session has ended.
    #[error("there is no such session")]
    NotFound,
    /// The password is wrong, or the account has none.
    #[error("wrong password")]
    WrongPassword,
    /// The account has a second factor, and none was submitted, or a weaker one.
    #[error("the strongest second factor of the account is required")]
    FactorRequired,
    /// The code of the second factor is wrong, or was used before.
    #[error("wrong code")]
    WrongCode,
    /// Too many attempts.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ReauthenticationError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<RateLimited> for ReauthenticationError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}
