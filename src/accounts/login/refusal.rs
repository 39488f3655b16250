//! Reasons to refuse a sign-in with a correct password.

use crate::accounts::login::error::LoginError;
use crate::accounts::settings::{Settings, Verification};
use crate::store::users::User;

/// Why a sign-in with a correct password is refused, and its name in the audit log. Only somebody with the password is
/// told.
pub(crate) fn refusal(user: &User, settings: &Settings) -> Option<(LoginError, &'static str)> {
    if user.password_reset_required_at.is_some() {
        return Some((LoginError::PasswordResetRequired, "password_reset_required"));
    }
    if settings.email.verification == Verification::Required && user.email_verified_at.is_none() {
        return Some((LoginError::EmailUnverified, "email_unverified"));
    }
    None
}
