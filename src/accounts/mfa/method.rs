//! The kinds of second factors, and a submitted second factor.

use serde::Serialize;

use crate::secret::Secret;

/// The `amr` claim with a second factor (RFC 8176): a one-time password after a password.
pub(crate) const AMR: [&str; 3] = ["pwd", "otp", "mfa"];

/// A submitted second factor.
#[derive(Debug, Clone, Copy)]
pub enum Factor<'a> {
    /// The code of an authenticator app.
    Totp(&'a Secret),
    /// A recovery code.
    RecoveryCode(&'a Secret),
    /// An emailed code.
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
    /// Codes of an authenticator app.
    Totp,
    /// Recovery codes.
    RecoveryCode,
    /// Emailed codes.
    EmailCode,
}

impl Method {
    /// The name in responses, in the audit log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::EmailCode => "email_code",
        }
    }
}
