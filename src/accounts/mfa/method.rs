//! The kinds of second factors, and one as it is presented.

use serde::Serialize;

use crate::secret::Secret;

/// What a second factor is worth as a claim (RFC 8176): a one-time password after a password.
pub(crate) const AMR: [&str; 3] = ["pwd", "otp", "mfa"];

/// A second factor as somebody shows it.
#[derive(Debug, Clone, Copy)]
pub enum Factor<'a> {
    /// What the authenticator shows.
    Totp(&'a Secret),
    /// One of ten.
    RecoveryCode(&'a Secret),
    /// What was mailed.
    EmailCode(&'a Secret),
}

impl Factor<'_> {
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::RecoveryCode(_) => Method::RecoveryCode,
            Self::EmailCode(_) => Method::EmailCode,
        }
    }
}

/// The kinds of second factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = MfaMethod)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// What an authenticator shows.
    Totp,
    /// One of ten codes on paper.
    RecoveryCode,
    /// A code by mail, once it was asked for.
    EmailCode,
}

impl Method {
    /// The word in answers, in the audit log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::EmailCode => "email_code",
        }
    }
}
