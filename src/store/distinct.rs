//! The number of different accounts that a client IP failed to sign in to: a `HyperLogLog` per client IP, which Redis
//! expires.

use std::time::Duration;

use super::redis::Redis;
use super::{StoreError, scripts};

/// The number of different accounts before and after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distinct {
    /// The number without this failure.
    pub before: u64,
    /// The number with this failure.
    pub now: u64,
}

/// Adds `account` to those that `address` failed to sign in to within `window`.
pub async fn failed_accounts(
    redis: &Redis,
    address: &str,
    account: &str,
    window: Duration,
) -> Result<Distinct, StoreError> {
    let mut script = scripts::COUNT_DISTINCT.prepare_invoke();
    script
        .key(redis.keys().failed_accounts(address))
        .arg(account)
        .arg(u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1));
    let (before, now) = redis.script::<(u64, u64)>("failed_accounts", script).await?;
    Ok(Distinct { before, now })
}
