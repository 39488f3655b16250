//! The second factors of an account.

use time::OffsetDateTime;

use crate::accounts::mfa::method::Method;

/// The second factors of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MfaStatus {
    /// When the authenticator app was confirmed.
    pub totp_confirmed_at: Option<OffsetDateTime>,
    /// When its last code was accepted.
    pub totp_last_used_at: Option<OffsetDateTime>,
    /// When emailed codes were enabled.
    pub email_enabled_at: Option<OffsetDateTime>,
    /// Whether codes can be sent: to a verified email address, and if `auth.mail` is configured.
    pub email_is_usable: bool,
    /// The number of unused recovery codes.
    pub recovery_codes_left: i64,
}

impl MfaStatus {
    /// Whether a sign-in requires a second factor. Also if none can be used now, because `auth.mail` was removed: an
    /// account with two factors is not accessible with one.
    pub const fn is_enabled(&self) -> bool {
        self.totp_confirmed_at.is_some() || self.email_enabled_at.is_some()
    }

    /// Whether this factor is the strongest of the account, or a recovery code, which replaces it: enough to change a
    /// credential.
    pub const fn confirms_changes(&self, method: Method) -> bool {
        match method {
            Method::Totp | Method::RecoveryCode => true,
            Method::EmailCode => self.totp_confirmed_at.is_none(),
        }
    }

    /// The second factors that a sign-in accepts. Recovery codes replace another factor, and do not count alone.
    pub fn methods(&self) -> Vec<Method> {
        [
            (self.totp_confirmed_at.is_some(), Method::Totp),
            (self.is_enabled() && self.recovery_codes_left > 0, Method::RecoveryCode),
            (self.email_is_usable, Method::EmailCode),
        ]
        .into_iter()
        .filter_map(|(has, method)| has.then_some(method))
        .collect()
    }
}
