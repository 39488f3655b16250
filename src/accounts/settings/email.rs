//! `auth.email`, `auth.password_reset` and `auth.registration.invitation`: what people are written, and what they may
//! do with it.

use std::time::Duration;

/// `auth.email`.
#[derive(Clone, Debug, Default)]
pub struct Email {
    /// Whether an account can be used before its address is proven.
    pub verification: Verification,
}

/// `auth.email.verification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verification {
    /// Nobody signs in before they proved their address.
    Required,
    /// Tokens say whether the address is proven; applications decide.
    #[default]
    Optional,
}

/// `auth.password_reset`.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// How long a link works; 30 minutes.
    pub ttl: Duration,
}

/// `auth.registration.invitation`.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// How long an invitation works; 7 days.
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
        Self { ttl: super::days(7) }
    }
}
