//! The error of second factors.

use std::time::Duration;

use crate::accounts::error::Failure;
use crate::accounts::login::error::LoginError;
use crate::accounts::login::limits::windows::RateLimited;
use crate::accounts::reauthentication::error::ReauthenticationError;
use crate::store::StoreError;

/// Why a second factor was not accepted, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum MfaError {
    /// The MFA token is malformed, expired, was used or tried too often, or is older than a password change or a sign-out
    /// everywhere.
    #[error("the MFA token is not valid")]
    TokenInvalid,
    /// The code is wrong, or was used before.
    #[error("wrong code")]
    WrongCode,
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// The account has a second factor, and none was submitted, or a weaker one.
    #[error("the strongest second factor of the account is required")]
    FactorRequired,
    /// The account does not exist any more.
    #[error("there is no such account")]
    NotFound,
    /// The session has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The second factor is not enabled.
    #[error("there is no such second factor")]
    NotEnabled,
    /// There is an authenticator app already.
    #[error("there is an authenticator app already")]
    AlreadyEnabled,
    /// The email address is not verified, and codes are sent only to verified ones.
    #[error("the email address is not verified")]
    EmailUnverified,
    /// `auth.mail` is not configured.
    #[error("email is not configured (auth.mail)")]
    NoMail,
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

impl From<StoreError> for MfaError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<ReauthenticationError> for MfaError {
    fn from(error: ReauthenticationError) -> Self {
        match error {
            ReauthenticationError::NotFound => Self::NotFound,
            ReauthenticationError::WrongPassword => Self::WrongPassword,
            ReauthenticationError::FactorRequired => Self::FactorRequired,
            ReauthenticationError::WrongCode => Self::WrongCode,
            ReauthenticationError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            ReauthenticationError::Failure(failure) => Self::Failure(failure),
        }
    }
}

impl From<RateLimited> for MfaError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

impl From<LoginError> for MfaError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            LoginError::Failure(failure) => Self::Failure(failure),
            LoginError::BadCredentials | LoginError::EmailUnverified | LoginError::PasswordResetRequired => {
                Self::TokenInvalid
            }
        }
    }
}
