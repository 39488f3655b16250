//! `auth.email`, `auth.password_reset` and `auth.registration.invitation`: the messages to users, and the lifetimes of
//! their links.

use std::time::Duration;

use super::days::days;

/// `auth.email`.
#[derive(Clone, Debug, Default)]
pub struct Email {
    /// Whether an account can be used before its email address is verified.
    pub verification: Verification,
}

/// `auth.email.verification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verification {
    /// A sign-in requires a verified email address.
    Required,
    /// Tokens contain `email_verified`; applications decide.
    #[default]
    Optional,
}

/// `auth.password_reset`.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// The lifetime of a link; 30 minutes.
    pub ttl: Duration,
}

/// `auth.registration.invitation`.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The lifetime of an invitation; 7 days.
    pub ttl: Duration,
}

impl Default for PasswordReset {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(1800),
        }
    }
}

impl Default for Invitation {
    fn default() -> Self {
        Self { ttl: days(7) }
    }
}
