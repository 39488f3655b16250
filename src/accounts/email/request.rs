//! Requests for an email. Anybody can enter any email address, so that the response must not reveal whether there is an
//! account, and nobody must be able to flood a mailbox.
//!
//! With and without an account the same statements run and something is committed, so that both take the same time: a
//! message to nobody is queued and rolled back. The remaining difference is a row in a table, far less than the
//! variation of a network.

use std::time::Duration;

use crate::accounts::email::names::NameError;
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::RateLimited;
use crate::audit::AuditRecord;
use crate::store::StoreError;

/// Why an email cannot be requested. That there is no such account is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum EmailRequestError {
    /// `auth.mail` is not configured.
    #[error("email is not configured (auth.mail)")]
    NoMail,
    /// The email address is not valid.
    #[error(transparent)]
    Email(#[from] NameError),
    /// Too many requests from this client IP.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for EmailRequestError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<RateLimited> for EmailRequestError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

impl EmailRequestError {
    /// The label `result` of the metrics.
    pub(crate) const fn result(&self) -> &'static str {
        match self {
            Self::NoMail | Self::Email(_) => "refused",
            Self::RateLimited { .. } => "rate_limited",
            Self::Failure(_) => "error",
        }
    }
}

/// Records in the audit log that no email was sent, and why.
pub(crate) fn unless<'a>(real: bool, reason: &str, entry: AuditRecord<'a>) -> AuditRecord<'a> {
    if real {
        entry
    } else {
        entry.failed().with("reason", reason)
    }
}
