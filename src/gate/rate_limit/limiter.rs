//! Counting, in Redis so that instances share a limit, or alone when Redis is away and the limit says `local`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use moka::sync::Cache;
use time::OffsetDateTime;

use super::{OnStoreError, RateLimit};
use crate::{
    gate::denial::{Denial, LimitState},
    metrics::Metrics,
    store::{rate_limits, redis::Redis},
};

/// Keys counted locally at most; the least used go first, so an attacker with many addresses costs bounded memory.
const LOCAL_KEYS: u64 = 100_000;

/// Takes requests out of limits.
pub struct Limiter {
    redis: Redis,
    metrics: Arc<Metrics>,
    local: Cache<Box<str>, Arc<Mutex<Window>>>,
}

impl Limiter {
    /// A limiter that counts in `redis`.
    pub fn new(redis: Redis, metrics: Arc<Metrics>) -> Self {
        let local = Cache::builder()
            .max_capacity(LOCAL_KEYS)
            .time_to_idle(Duration::from_secs(3600))
            .build();
        Self { redis, metrics, local }
    }

    /// Takes one request of `key` out of `limit`.
    ///
    /// # Errors
    /// `RateLimited`, or `LimitUnknown` when Redis does not answer and the limit says `deny`.
    pub async fn take(&self, limit: &RateLimit, key: &str, now: OffsetDateTime) -> Result<LimitState, Denial> {
        let taken = rate_limits::take(&self.redis, &limit.name, key, limit.limit.into(), limit.window, 1).await;
        let (allowed, remaining, reset, result) = match (taken, limit.on_store_error) {
            (Ok(taken), _) => {
                let remaining = u32::try_from(taken.remaining).unwrap_or(u32::MAX);
                // A refused caller wants to know when to come back, an admitted one when all is free again.
                let reset = if taken.allowed { taken.reset } else { taken.retry_after };
                (taken.allowed, remaining, reset, ["allowed", "limited"])
            }
            (Err(_), OnStoreError::Local) => {
                let (allowed, remaining, reset) = self.take_locally(limit, key, now);
                (allowed, remaining, reset, ["allowed", "limited"])
            }
            (Err(_), OnStoreError::Allow) => (true, limit.limit, Duration::ZERO, ["error_allowed", ""]),
            (Err(error), OnStoreError::Deny) => {
                tracing::warn!(%error, limit = &*limit.name, "the limit cannot be asked and says deny: refusing");
                self.count(limit, "error_denied");
                return Err(Denial::LimitUnknown);
            }
        };
        self.count(limit, result[usize::from(!allowed)]);
        let state = LimitState {
            policy: Arc::clone(&limit.name),
            limit: limit.limit,
            window: limit.window,
            remaining,
            reset,
        };
        if allowed {
            Ok(state)
        } else {
            Err(Denial::RateLimited(state))
        }
    }

    fn count(&self, limit: &RateLimit, result: &str) {
        self.metrics
            .ratelimit_decisions
            .with_label_values(&[&limit.name, result])
            .inc();
    }

    fn take_locally(&self, limit: &RateLimit, key: &str, now: OffsetDateTime) -> (bool, u32, Duration) {
        let name: Box<str> = [&*limit.name, "\n", key].concat().into();
        let window = self.local.get_with(name, Arc::default);
        let mut window = window.lock().expect("no holder of this lock panics");
        window.take(limit.limit, limit.window, now)
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

/// A sliding window out of two fixed ones: the share of the last one that still lies in the window counts. It assumes an
/// even spread in the last window, which is close enough while Redis is away.
#[derive(Debug, Default)]
struct Window {
    started_ms: i64,
    current: u32,
    last: u32,
}

impl Window {
    /// Whether one more fits, how many are left, and until when the caller should wait.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and times are small"
    )]
    fn take(&mut self, limit: u32, length: Duration, now: OffsetDateTime) -> (bool, u32, Duration) {
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        let now_ms = (now.unix_timestamp_nanos() / 1_000_000) as i64;
        let start = now_ms - now_ms.rem_euclid(length_ms);
        if start != self.started_ms {
            self.last = if start - self.started_ms == length_ms {
                self.current
            } else {
                0
            };
            self.current = 0;
            self.started_ms = start;
        }
        let share = 1.0 - (now_ms - start) as f64 / length_ms as f64;
        let used = f64::from(self.last) * share + f64::from(self.current);
        let reset = Duration::from_millis((start + length_ms - now_ms).max(1) as u64);
        if used + 1.0 > f64::from(limit) {
            return (false, 0, reset);
        }
        self.current += 1;
        (true, (f64::from(limit) - used - 1.0) as u32, reset)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_lets_the_limit_pass_and_refuses_the_next() {
        let mut window = Window::default();
        for left in (0..5).rev() {
            assert_eq!(window.take(5, MINUTE, START).1, left);
        }
        assert!(!window.take(5, MINUTE, START).0);
    }

    #[test]
    fn a_full_window_is_not_forgotten_at_its_edge() {
        let mut window = Window::default();
        for _ in 0..5 {
            window.take(5, MINUTE, START + Duration::from_secs(59));
        }
        assert!(
            !window.take(5, MINUTE, START + Duration::from_secs(61)).0,
            "ten in two seconds would be twice the limit"
        );
        assert!(window.take(5, MINUTE, START + Duration::from_secs(119)).0);
        assert!(window.take(5, MINUTE, START + Duration::from_secs(600)).0);
    }
}
