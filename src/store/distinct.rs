//! How many different accounts an address failed to sign in to: a `HyperLogLog` per address, which Redis forgets by
//! itself.

use std::time::Duration;

use super::redis::Redis;
use super::{StoreError, scripts};

/// Different accounts, before a failure and with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distinct {
    /// Before.
    pub before: u64,
    /// And now.
    pub now: u64,
}

/// Counts `account` among those that `address` failed for within `window`.
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
