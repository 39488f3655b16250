//! What refuses a sign-in although the password is right.

use crate::accounts::login::error::LoginError;
use crate::accounts::settings::{Settings, Verification};
use crate::store::users::User;

/// What keeps somebody out who knows the password, and the word for it in the audit log. Only they are told.
pub(crate) fn refusal(user: &User, settings: &Settings) -> Option<(LoginError, &'static str)> {
    if user.password_reset_required_at.is_some() {
        return Some((LoginError::PasswordResetRequired, "password_reset_required"));
    }
    if settings.email.verification == Verification::Required && user.email_verified_at.is_none() {
        return Some((LoginError::EmailUnverified, "email_unverified"));
    }
    None
}
