//! `auth.limits`: how often what is not a login may be tried.

use std::time::Duration;

/// `auth.limits`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Accounts that are made.
    pub registration: Limit,
    /// Links asked for, and links tried.
    pub password_reset: Limit,
    /// Codes for an address asked for, and codes tried.
    pub verification: Limit,
    /// Second factors tried, and codes for one asked for.
    pub mfa: Limit,
}

/// Both are counted, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// From one address (IPv6: one /64).
    pub per_address: Rate,
    /// For one account, whoever asks, whether it exists or not.
    pub per_account: Rate,
}

/// So many in any such time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
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
