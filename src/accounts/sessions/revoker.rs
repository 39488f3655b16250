//! Makes an ended session known: to this instance at once, to all others by the revocation feed.
//!
//! PostgreSQL has recorded the end before anything here runs; what is published only makes access tokens die before
//! their time. So a logout is not undone and not delayed because Redis is away: the entry is kept and published as soon
//! as Redis is back, unless by then every token it concerns has expired.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::store::StoreError;
use crate::store::redis::Redis;
use crate::store::revocations::{self, Revocation};

/// How far a verifier's clock may be off: a revocation that went before the token did would let it pass again.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// The pause between attempts while Redis is away.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// How many entries wait at most; beyond, the oldest go. At 100,000 logouts within one outage the loss is bounded by the
/// life of an access token, and memory is not the second thing that fails.
const PENDING_MAX: usize = 100_000;

/// Applies an entry to the view of this instance.
pub type Apply = Arc<dyn Fn(&Revocation) + Send + Sync>;

/// Sends an entry to the feed.
pub type Publish = Arc<dyn Fn(Vec<Revocation>) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Entries per call while what waited is published: one call must fit into its deadline.
const BATCH: usize = 200;

/// Publishes revocations.
pub struct Revoker {
    apply: Apply,
    publish: Publish,
    pending: Mutex<VecDeque<Revocation>>,
    work: Notify,
}

impl Revoker {
    /// `apply` is this instance's view, `publish` the feed.
    pub fn new(apply: Apply, publish: Publish) -> Self {
        Self {
            apply,
            publish,
            pending: Mutex::default(),
            work: Notify::new(),
        }
    }

    /// Publishes to the feed in Redis. `keep` is the longest life of an access token.
    pub fn to_redis(apply: Apply, redis: Redis, keep: Duration, clock: fn() -> OffsetDateTime) -> Self {
        let publish = move |entries: Vec<Revocation>| {
            let redis = redis.clone();
            async move { revocations::publish(&redis, &entries, keep, clock()).await }.boxed()
        };
        Self::new(apply, Arc::new(publish))
    }

    /// Applies the entries here and publishes them, once; what cannot be published now is left to [`Self::run`].
    pub async fn revoke(&self, entries: &[Revocation]) {
        for entry in entries {
            (self.apply)(entry);
        }
        if let Err(error) = (self.publish)(entries.to_vec()).await {
            tracing::warn!(%error, entries = entries.len(), "revocations wait for Redis");
            self.keep(entries);
        }
    }

    /// How many entries wait for Redis.
    pub fn pending(&self) -> usize {
        self.lock().len()
    }

    /// Publishes what could not be published at once, until the task is dropped.
    pub async fn run(&self, clock: fn() -> OffsetDateTime) {
        loop {
            self.work.notified().await;
            self.drain(clock).await;
        }
    }

    /// Publishes what waits, oldest first, until nothing does.
    async fn drain(&self, clock: fn() -> OffsetDateTime) {
        loop {
            let now = clock();
            let batch = {
                let mut pending = self.lock();
                pending.retain(|entry| entry.expires_at > now);
                pending.iter().take(BATCH).cloned().collect::<Vec<_>>()
            };
            if batch.is_empty() {
                return;
            }
            if let Err(error) = (self.publish)(batch.clone()).await {
                tracing::debug!(%error, pending = self.pending(), "revocations still wait for Redis");
                tokio::time::sleep(RETRY_EVERY).await;
                continue;
            }
            // A full queue may have dropped some of them meanwhile.
            self.lock().retain(|entry| !batch.contains(entry));
        }
    }

    fn keep(&self, entries: &[Revocation]) {
        let mut pending = self.lock();
        pending.extend(entries.iter().cloned());
        let surplus = pending.len().saturating_sub(PENDING_MAX);
        if surplus > 0 {
            pending.drain(..surplus);
            tracing::error!(
                lost = surplus,
                "Redis has been away for so long that revocations are no longer kept"
            );
        }
        drop(pending);
        self.work.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Revocation>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use time::macros::datetime;

    use super::*;
    use crate::store::StoreName;
    use crate::store::revocations::Subject;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);

    fn entry(n: u128) -> Revocation {
        Revocation {
            subject: Subject::Sid(n.to_string()),
            expires_at: NOW + Duration::from_secs(660),
        }
    }

    #[tokio::test]
    async fn what_redis_misses_is_applied_here_at_once_and_published_when_it_is_back() {
        let away = Arc::new(AtomicBool::new(true));
        let (applied, published) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let revoker = Arc::new(Revoker::new(
            Arc::new({
                let applied = Arc::clone(&applied);
                move |entry: &Revocation| applied.lock().unwrap().push(entry.clone())
            }),
            Arc::new({
                let (away, published) = (Arc::clone(&away), Arc::clone(&published));
                move |entries: Vec<Revocation>| {
                    let answer = if away.load(Ordering::SeqCst) {
                        Err(StoreError::Timeout {
                            store: StoreName::Redis,
                            operation: "revocation_publish",
                        })
                    } else {
                        published.lock().unwrap().extend(entries);
                        Ok(())
                    };
                    async move { answer }.boxed()
                }
            }),
        ));
        let task = tokio::spawn({
            let revoker = Arc::clone(&revoker);
            async move { revoker.run(|| NOW).await }
        });

        revoker.revoke(&[entry(1), entry(2)]).await;
        assert_eq!(*applied.lock().unwrap(), [entry(1), entry(2)]);
        let dead = Revocation {
            expires_at: NOW,
            ..entry(3)
        };
        revoker.revoke(&[dead, entry(4)]).await;
        assert_eq!(revoker.pending(), 4);

        away.store(false, Ordering::SeqCst);
        while revoker.pending() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(
            *published.lock().unwrap(),
            [entry(1), entry(2), entry(4)],
            "the dead one is of no use to anybody"
        );
        task.abort();
    }
}
