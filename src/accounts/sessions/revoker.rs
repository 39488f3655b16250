//! Publishes revocations once they are committed: to this instance at once, to all others by the revocation feed.
//!
//! They are recorded in PostgreSQL before anything here runs, in the transaction of the change. So a sign-out is
//! neither undone nor delayed if Redis is unreachable, and nothing is stored here for later: every issuer finds in the
//! outbox what the feed lacks, and publishes it (`app/revocations`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::store::StoreError;
use crate::store::revocations::Recorded;

/// The greatest `leeway` of a verifier, and so the time for which a revocation outlives the tokens it revokes: if it
/// expired while one was still accepted, the token would be valid again.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Applies revocations to the view of this instance.
pub type Apply = Arc<dyn Fn(&[Recorded]) + Send + Sync>;

/// Sends revocations to the feed.
pub type Publish = Arc<dyn Fn(Vec<Recorded>) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Publishes revocations.
pub struct Revoker {
    apply: Apply,
    publish: Publish,
    has_failed: AtomicBool,
}

impl Revoker {
    /// `apply` is this instance's view, `publish` the feed.
    pub fn new(apply: Apply, publish: Publish) -> Self {
        Self {
            apply,
            publish,
            has_failed: AtomicBool::new(false),
        }
    }

    /// Applies committed revocations to this instance and publishes them, once. Other instances publish from the outbox
    /// what cannot be published now.
    pub async fn publish(&self, revocations: &[Recorded]) {
        if revocations.is_empty() {
            return;
        }
        (self.apply)(revocations);
        if let Err(error) = (self.publish)(revocations.to_vec()).await {
            self.has_failed.store(true, Ordering::Relaxed);
            tracing::warn!(%error, revocations = revocations.len(), "revocations are published later, from the outbox");
        }
    }

    /// Whether a revocation could not be published.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt;
    use time::macros::datetime;

    use super::*;
    use crate::store::StoreName;
    use crate::store::revocations::{Revocation, Subject};

    fn recorded(id: i64) -> Recorded {
        Recorded {
            id,
            revocation: Revocation {
                subject: Subject::Session(id.to_string()),
                expires_at: datetime!(2026-11-23 20:11 UTC),
            },
        }
    }

    #[tokio::test]
    async fn what_redis_misses_is_applied_here_at_once_and_left_to_the_outbox() {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&applied);
        let away = |_| {
            async {
                Err(StoreError::Timeout {
                    store: StoreName::Redis,
                    operation: "revocation_publish",
                })
            }
            .boxed()
        };
        let revoker = Revoker::new(
            Arc::new(move |rows: &[Recorded]| noted.lock().unwrap().extend_from_slice(rows)),
            Arc::new(away),
        );
        assert!(!revoker.has_failed());
        revoker.publish(&[recorded(1), recorded(2)]).await;
        assert_eq!(*applied.lock().unwrap(), [recorded(1), recorded(2)]);
        assert!(revoker.has_failed());
    }
}
