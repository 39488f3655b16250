//! Rate limits: an exact sliding window, one call each, with the time of Redis. `scripts/rate_limit_take.lua` describes
//! the algorithm.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::redis::Redis;
use super::{StoreError, scripts};

/// The result of taking permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whether the permits were taken.
    pub allowed: bool,
    /// The number of permits that were taken.
    pub taken: u64,
    /// The number of permits left.
    pub remaining: u64,
    /// The time until all permits are available again.
    pub reset: Duration,
    /// The time until the same cost is available; zero if allowed. For a cost above the limit, which is never
    /// available, the window.
    pub retry_after: Duration,
}

/// Takes `cost` of the `limit` permits that `key` has in any `window` under `policy`.
pub async fn take(
    redis: &Redis,
    policy: &str,
    key: &str,
    limit: u64,
    window: Duration,
    cost: u64,
) -> Result<Window, StoreError> {
    take_up_to(redis, policy, key, limit, window, cost..=cost).await
}

/// Like [`take`], but takes more than the start of `cost` while permits are available, up to its end.
pub async fn take_up_to(
    redis: &Redis,
    policy: &str,
    key: &str,
    limit: u64,
    window: Duration,
    cost: RangeInclusive<u64>,
) -> Result<Window, StoreError> {
    let mut script = scripts::RATE_LIMIT_TAKE.prepare_invoke();
    let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1);
    script
        .key(redis.keys().rate_limit(policy, key))
        .arg(limit)
        .arg(window)
        .arg(*cost.start())
        .arg(*cost.end());
    let started = Instant::now();
    let answer = redis.script::<(u64, u64, u64, u64)>("rate_limit_take", script).await;
    redis
        .metrics()
        .ratelimit_backend_duration
        .observe(started.elapsed().as_secs_f64());
    let (taken, remaining, reset, retry_after) = answer?;
    Ok(Window {
        allowed: taken > 0,
        taken,
        remaining,
        reset: Duration::from_micros(reset),
        retry_after: Duration::from_micros(retry_after),
    })
}
