//! Which second factors an account has.

use time::OffsetDateTime;

use crate::accounts::mfa::method::Method;

/// Which second factors an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MfaStatus {
    /// Since when there is an authenticator.
    pub totp_confirmed_at: Option<OffsetDateTime>,
    /// When its last code was accepted.
    pub totp_last_used_at: Option<OffsetDateTime>,
    /// Since when the person wants codes by mail.
    pub email_enabled_at: Option<OffsetDateTime>,
    /// Whether they can be mailed: to an address that is known to be theirs, where messages are sent at all.
    pub email_is_usable: bool,
    /// How many recovery codes are left.
    pub recovery_codes_left: i64,
}

impl MfaStatus {
    /// Whether a sign-in is asked for more than the password. Also when nothing can answer just now, because messages are no
    /// longer sent: an account that asked for two factors is not opened by one.
    pub const fn is_enabled(&self) -> bool {
        self.totp_confirmed_at.is_some() || self.email_enabled_at.is_some()
    }

    /// What a sign-in may be answered with. Recovery codes are a way back to a factor, and none by themselves.
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
