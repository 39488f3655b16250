//! `auth.limits`: rate limits of the API, other than that of sign-ins.

use std::time::Duration;

/// `auth.limits`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Registrations.
    pub registration: Limit,
    /// Password reset links, requested and used.
    pub password_reset: Limit,
    /// Email verification codes, requested and submitted.
    pub verification: Limit,
    /// Second factors submitted, and codes requested.
    pub mfa: Limit,
}

/// A pair of limits, which are counted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Per client IP (IPv6: per /64).
    pub per_address: Rate,
    /// Per account, also for names without an account.
    pub per_account: Rate,
}

/// A limit: a number of attempts in a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number of attempts.
    pub limit: u32,
    /// The sliding window.
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        Self {
            registration: limit((20, HOUR), (5, HOUR)),
            password_reset: limit((30, HOUR), (5, HOUR)),
            verification: limit((60, HOUR), (10, HOUR)),
            mfa: limit((20, MINUTE), (10, 15 * MINUTE)),
        }
    }
}

const fn limit(per_address: (u32, u64), per_account: (u32, u64)) -> Limit {
    Limit {
        per_address: rate(per_address),
        per_account: rate(per_account),
    }
}

const fn rate((limit, seconds): (u32, u64)) -> Rate {
    Rate {
        limit,
        window: Duration::from_secs(seconds),
    }
}
