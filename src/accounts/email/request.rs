//! Messages that people ask for. Anybody may type any address, so that asking tells nothing of who has an account, and nobody's
//! mailbox is filled by strangers.
//!
//! Whether there is an account or not, the same statements run and something is committed, so that both take the same time: the
//! message to nobody is written and taken back. What remains is one row more or less in a table, far below what a network adds.

use std::time::Duration;

use crate::accounts::email::names::NameError;
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::RateLimited;
use crate::audit::AuditRecord;
use crate::store::StoreError;

/// Why a message cannot be asked for. That there is no such account is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum EmailRequestError {
    /// This installation sends no mail.
    #[error("this installation sends no mail")]
    NoMail,
    /// The address is none.
    #[error(transparent)]
    Email(#[from] NameError),
    /// Too many messages were asked for from this address.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
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

/// Says in the audit log that nothing came of it, and why.
pub(crate) fn unless<'a>(real: bool, reason: &str, happening: AuditRecord<'a>) -> AuditRecord<'a> {
    if real {
        happening
    } else {
        happening.failed().with("reason", reason)
    }
}
