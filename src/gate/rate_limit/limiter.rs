//! Counts requests: in Redis, so that instances share a limit, or on this instance only while Redis is unreachable and
//! the limit has `on_store_error: local`.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use prometheus::IntCounter;
use time::OffsetDateTime;

use super::{
    key::Key,
    lease::{Drawn, Lease, Spent, largest_batch},
};
use crate::{
    gate::{
        denial::{Denial, LimitState},
        rules::rate_limit::{OnStoreError, RateLimit},
    },
    metrics::Metrics,
    sliding_window::SlidingWindow,
    store::{rate_limits, redis::Redis},
};

/// The most keys in memory. The least used are evicted first, so that an attacker with many IP addresses uses bounded
/// memory.
const KEYS: u64 = 100_000;

/// Takes requests from rate limits.
pub struct Limiter {
    redis: Redis,
    metrics: Arc<Metrics>,
    keys: Cache<Box<str>, Arc<Counter>>,
}

/// The state of a key on this instance.
#[derive(Debug)]
struct Counter {
    /// Metrics, looked up once.
    allowed: IntCounter,
    lease: Mutex<Lease>,
    alone: Mutex<SlidingWindow>,
    /// Locked while Redis is asked for a batch.
    drawing: tokio::sync::Mutex<()>,
    /// The number of requests that wait for the next batch.
    waiting: AtomicU32,
    /// The number of failed requests to Redis.
    failures: AtomicU64,
}

/// Redis did not answer.
struct Away;

impl Limiter {
    /// A limiter that counts in `redis`.
    pub fn new(redis: Redis, metrics: Arc<Metrics>) -> Self {
        let keys = Cache::builder()
            .max_capacity(KEYS)
            .time_to_idle(Duration::from_secs(3600))
            .build();
        Self { redis, metrics, keys }
    }

    /// Takes one request of `key` from `limit`.
    ///
    /// # Errors
    /// `RateLimited`, or `LimitUnknown` when Redis does not answer and the limit says `deny`.
    pub async fn take(&self, limit: &RateLimit, key: &Key, now: OffsetDateTime) -> Result<LimitState, Denial> {
        let counter = match self.keys.get(key.text()) {
            Some(counter) => counter,
            None => self.keys.get_with(key.text().into(), || Arc::new(self.counter(limit))),
        };
        let key = key.parts();
        let held = counter.lease().spend(now);
        let taken = match held {
            Some(spent) => Ok(spent),
            // The limit is exact, so each request asks for itself.
            None if largest_batch(limit.limit) == 1 => self.draw(limit, key, &counter, 0, now).await,
            None => self.draw_together(limit, key, &counter, now).await,
        };
        let (spent, result) = match (taken, limit.on_store_error) {
            (Ok(spent), _) => (spent, ["limited", "allowed"]),
            (Err(Away), OnStoreError::Local) => (counter.take_alone(limit, now), ["limited", "allowed"]),
            (Err(Away), OnStoreError::Allow) => (all(limit), ["limited", "error_allowed"]),
            (Err(Away), OnStoreError::Deny) => {
                self.count(limit, "error_denied");
                return Err(Denial::LimitUnknown);
            }
        };
        match result[usize::from(spent.allowed)] {
            "allowed" => counter.allowed.inc(),
            result => self.count(limit, result),
        }
        let state = LimitState {
            policy: Arc::clone(&limit.name),
            limit: limit.limit,
            window: limit.window,
            remaining: spent.remaining,
            reset: spent.reset,
        };
        if spent.allowed {
            Ok(state)
        } else {
            Err(Denial::RateLimited(state))
        }
    }

    /// One request asks Redis for all that are waiting. If it fails, the others fail too.
    async fn draw_together(
        &self,
        limit: &RateLimit,
        key: &str,
        counter: &Counter,
        now: OffsetDateTime,
    ) -> Result<Spent, Away> {
        let failures = counter.failures.load(Ordering::Acquire);
        let _waiting = Waiting::new(&counter.waiting);
        let _drawing = counter.drawing.lock().await;
        if let Some(spent) = counter.lease().spend(now) {
            return Ok(spent);
        }
        if counter.failures.load(Ordering::Acquire) != failures {
            return Err(Away);
        }
        let others = counter.waiting.load(Ordering::Relaxed) - 1;
        self.draw(limit, key, counter, others, now).await
    }

    /// Takes a batch, including a permit for each of the `others` that wait.
    async fn draw(
        &self,
        limit: &RateLimit,
        key: &str,
        counter: &Counter,
        others: u32,
        now: OffsetDateTime,
    ) -> Result<Spent, Away> {
        let batch = counter.lease().batch(limit.limit, now).saturating_add(others);
        let cost = 1..=u64::from(batch);
        let answer =
            rate_limits::take_up_to(&self.redis, &limit.name, key, limit.limit.into(), limit.window, cost).await;
        match answer {
            Ok(window) => Ok(counter.lease().drew(drawn(window), limit.window, now)),
            Err(error) => {
                counter.failures.fetch_add(1, Ordering::Release);
                tracing::debug!(%error, limit = &*limit.name, "Redis did not answer for a rate limit");
                Err(Away)
            }
        }
    }

    fn counter(&self, limit: &RateLimit) -> Counter {
        Counter {
            allowed: self.decisions(limit, "allowed"),
            lease: Mutex::default(),
            alone: Mutex::default(),
            drawing: tokio::sync::Mutex::default(),
            waiting: AtomicU32::default(),
            failures: AtomicU64::default(),
        }
    }

    fn count(&self, limit: &RateLimit, result: &str) {
        self.decisions(limit, result).inc();
    }

    fn decisions(&self, limit: &RateLimit, result: &str) -> IntCounter {
        self.metrics
            .ratelimit_decisions
            .with_label_values(&[&limit.name, result])
    }
}

impl Counter {
    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        self.lease.lock().expect("no holder of this lock panics")
    }

    fn take_alone(&self, limit: &RateLimit, now: OffsetDateTime) -> Spent {
        let mut window = self.alone.lock().expect("no holder of this lock panics");
        let taken = window.take(limit.limit, limit.window, now);
        Spent {
            allowed: taken.allowed,
            remaining: taken.remaining,
            reset: taken.reset,
        }
    }
}

/// A waiting request, until dropped: the client can disconnect while it waits.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn drawn(window: rate_limits::Window) -> Drawn {
    let count = |permits: u64| u32::try_from(permits).unwrap_or(u32::MAX);
    Drawn {
        taken: count(window.taken),
        remaining: count(window.remaining),
        // A refused caller is told when a request is allowed again, an allowed one when all are.
        reset: if window.allowed {
            window.reset
        } else {
            window.retry_after
        },
    }
}

/// The state if nothing is known and the limit allows all requests.
fn all(limit: &RateLimit) -> Spent {
    Spent {
        allowed: true,
        remaining: limit.limit,
        reset: Duration::ZERO,
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}
