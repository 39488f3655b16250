//! Rate limits: an exact sliding window, one call, time from Redis. `scripts/rate_limit_take.lua` says how.

use std::time::{Duration, Instant};

use super::redis::Redis;
use super::{StoreError, scripts};

/// What a limit said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whether the permits were taken.
    pub allowed: bool,
    /// Permits left.
    pub remaining: u64,
    /// Until all permits are free again.
    pub reset: Duration,
    /// Until the same cost may be asked again; zero when allowed. A cost above the limit never may, and says the window.
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
    let mut script = scripts::RATE_LIMIT_TAKE.prepare_invoke();
    let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1);
    script
        .key(redis.keys().rate_limit(policy, key))
        .arg(limit)
        .arg(window)
        .arg(cost);
    let started = Instant::now();
    let answer = redis.script::<(u8, u64, u64, u64)>("rate_limit_take", script).await;
    redis
        .metrics()
        .ratelimit_backend_duration
        .observe(started.elapsed().as_secs_f64());
    let (allowed, remaining, reset, retry_after) = answer?;
    Ok(Window {
        allowed: allowed == 1,
        remaining,
        reset: Duration::from_micros(reset),
        retry_after: Duration::from_micros(retry_after),
    })
}
