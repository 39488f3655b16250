//! Rate limits of attempts, per client IP and per account, in a sliding window.
//!
//! Redis counts for all instances together. While it is unreachable, each instance counts for itself, so that the limit
//! is multiplied by the number of instances; the lockout in PostgreSQL still bounds it per account.

pub mod windows;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use crate::network::Network;
use crate::sliding_window::SlidingWindow;
use crate::store::redis::Redis;
use crate::store::{StoreError, rate_limits};

pub use self::windows::RateLimited;

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it is within the limit.
    pub allowed: bool,
    /// The time until another attempt is allowed.
    pub retry_after: Duration,
}

/// Takes an attempt from a limit: policy, key, limit, window.
pub type Take =
    Arc<dyn Fn(&'static str, String, u32, Duration) -> BoxFuture<'static, Result<Taken, StoreError>> + Send + Sync>;

/// Counts attempts against the limits.
pub struct Limiter {
    take: Take,
    local: Mutex<HashMap<(&'static str, String), SlidingWindow>>,
}

/// The most keys in memory while Redis is unreachable. A limit per client IP does not stop a flood from more IPs than
/// this.
const LOCAL_MAX: usize = 100_000;

impl Limiter {
    /// `take` calls the store.
    pub fn new(take: Take) -> Self {
        Self {
            take,
            local: Mutex::default(),
        }
    }

    /// Counts in Redis, for all instances together.
    pub fn in_redis(redis: Redis) -> Self {
        Self::new(Arc::new(move |policy, key, limit, window| {
            let redis = redis.clone();
            async move {
                let taken = rate_limits::take(&redis, policy, &key, u64::from(limit), window, 1).await?;
                Ok(Taken {
                    allowed: taken.allowed,
                    retry_after: taken.retry_after,
                })
            }
            .boxed()
        }))
    }

    /// Counts one attempt.
    pub(crate) async fn take(
        &self,
        policy: &'static str,
        key: &str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> Taken {
        match (self.take)(policy, key.to_owned(), limit, window).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, policy, "the limit is counted on this instance only");
                self.take_local(policy, &short(key), limit, window, now)
            }
        }
    }

    fn take_local(&self, policy: &'static str, key: &str, limit: u32, window: Duration, now: OffsetDateTime) -> Taken {
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if local.len() >= LOCAL_MAX {
            local.retain(|_, counted| !counted.is_over(window, now));
        }
        if local.len() >= LOCAL_MAX {
            return Taken {
                allowed: true,
                retry_after: Duration::ZERO,
            };
        }
        let counted = local.entry((policy, key.to_owned())).or_default();
        let taken = counted.take(limit, window, now);
        Taken {
            allowed: taken.allowed,
            retry_after: taken.reset,
        }
    }
}

/// Longer keys, which contain what was typed at sign-in, are stored as their SHA-256, so that clients cannot fill the
/// memory.
fn short(key: &str) -> Cow<'_, str> {
    const LONGEST: usize = 128;
    if key.len() <= LONGEST {
        return Cow::Borrowed(key);
    }
    Cow::Owned(URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes())))
}

/// The key of a client IP: one for all addresses of a subscriber.
pub(crate) fn address_key(address: IpAddr) -> String {
    Network(address).to_string()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::store::StoreName;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    fn without_redis() -> Limiter {
        Limiter::new(Arc::new(|_, _, _, _| {
            async {
                Err(StoreError::Timeout {
                    store: StoreName::Redis,
                    operation: "rate_limit_take",
                })
            }
            .boxed()
        }))
    }

    #[tokio::test]
    async fn without_redis_an_instance_counts_by_itself() {
        let limiter = without_redis();
        for _ in 0..3 {
            assert!(limiter.take("login_address", "a", 3, MINUTE, NOW).await.allowed);
        }
        let refused = limiter.take("login_address", "a", 3, MINUTE, NOW).await;
        assert!(!refused.allowed && refused.retry_after <= MINUTE);
        assert!(
            limiter.take("login_address", "b", 3, MINUTE, NOW).await.allowed,
            "another key"
        );
        assert!(
            limiter.take("login_account", "a", 3, MINUTE, NOW).await.allowed,
            "another policy"
        );
    }

    #[tokio::test]
    async fn the_local_window_slides() {
        let limiter = without_redis();
        for _ in 0..4 {
            limiter.take("p", "a", 4, MINUTE, NOW + Duration::from_secs(59)).await;
        }
        let later = |seconds| limiter.take("p", "a", 4, MINUTE, NOW + Duration::from_secs(seconds));
        assert!(!later(60).await.allowed, "a second later nothing is forgotten");
        assert!(later(90).await.allowed, "half a window later half of it is");
        assert!(later(90).await.allowed);
        assert!(!later(90).await.allowed);
    }

    #[tokio::test]
    async fn a_long_name_is_counted_like_a_short_one_and_is_not_kept() {
        let limiter = without_redis();
        let long = "a".repeat(60_000);
        assert!(limiter.take("login_account", &long, 1, MINUTE, NOW).await.allowed);
        assert!(!limiter.take("login_account", &long, 1, MINUTE, NOW).await.allowed);
        let other = format!("{long}b");
        assert!(limiter.take("login_account", &other, 1, MINUTE, NOW).await.allowed);
        assert!(limiter.local.lock().unwrap().keys().all(|(_, key)| key.len() < 64));
    }
}
