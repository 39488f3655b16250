//! Publishes the rows of the outbox that the feed lacks, including those of other issuers, and states with heartbeats
//! how far the feed is complete.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::runtime::Handle;

use super::{ledger::Ledger, outbox::Follower, parts::Parts};
use crate::{
    keys::random,
    store::{
        StoreError,
        revocations::{self, BATCH, Extent, Proof, Recorded, Said, Statement},
    },
};

/// The interval between two heartbeats: several of them are within a `max_lag` of two seconds.
const BEAT: Duration = Duration::from_millis(400);
/// The pause after a refused heartbeat.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the process waits during shutdown until the feed contains what it committed.
const LAST_BEAT: Duration = Duration::from_secs(2);

/// Publishes revocations and heartbeats.
pub(crate) struct Publisher {
    parts: Parts,
    ledger: Arc<Ledger>,
    outbox: Arc<Follower>,
    keep: Duration,
    instance: String,
    /// The reader of the outbox.
    position: Mutex<i64>,
    runtime: Handle,
    is_finished: AtomicBool,
}

impl Publisher {
    /// Must be called on the runtime that it runs on. `keep` is how long the feed stores an entry.
    pub(in crate::app) fn new(parts: &Parts, ledger: &Arc<Ledger>, outbox: &Arc<Follower>, keep: Duration) -> Self {
        Self {
            parts: parts.clone(),
            ledger: Arc::clone(ledger),
            outbox: Arc::clone(outbox),
            keep,
            instance: format!("{:016x}", u64::from_ne_bytes(random::bytes())),
            position: Mutex::new(0),
            runtime: Handle::current(),
            is_finished: AtomicBool::new(false),
        }
    }

    /// Publishes revocations and heartbeats until the task is dropped.
    pub(in crate::app) async fn run(&self) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            beats.tick().await;
            let said = self.beat().await;
            self.measure(&said);
            if said
                .as_ref()
                .is_ok_and(|said| matches!(said, Some(Said::Lost | Said::Late)))
            {
                beats.reset_after(AGAIN);
            }
            match said {
                Err(error) if !failed => {
                    tracing::warn!(%error, "the revocation feed has no heartbeat of this issuer");
                    failed = true;
                }
                Ok(Some(Said::Alone)) if !failed => {
                    tracing::warn!(
                        "PostgreSQL does not answer, and another issuer is silent: the revocation feed has no heartbeat"
                    );
                    failed = true;
                }
                Ok(Some(Said::Appended | Said::Known)) => failed = false,
                _ => {}
            }
        }
    }

    /// Publishes what the feed lacks during shutdown, and logs what it leaves to other issuers. Blocks; must be called
    /// outside of any runtime.
    pub(in crate::app) fn finish(&self) {
        if !self.is_finished.swap(true, Ordering::Relaxed) {
            self.runtime.block_on(self.last_beat());
        }
    }

    async fn last_beat(&self) {
        let outcome = tokio::time::timeout(LAST_BEAT, async {
            self.beat().await?;
            revocations::forget(&self.parts.redis, &self.instance).await
        });
        let failure = match outcome.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("Redis is too slow".to_owned()),
        };
        let pending = self.ledger.pending();
        if pending > 0 {
            tracing::warn!(
                pending,
                cause = failure,
                "revocations are left in the outbox; another issuer publishes them, or this one when it is started again"
            );
        }
    }

    /// One round: from reading the time of Redis to a heartbeat with it. `None` if nothing can be stated yet.
    async fn beat(&self) -> Result<Option<Said>, StoreError> {
        // Read first: what is committed later may be missing from what is read now.
        let at_ms = revocations::now_ms(&self.parts.redis).await?;
        let anchor = self.ledger.newest();
        let (reading, _) = self.ledger.wants();
        let extent = match self.outbox.read_unless_away().await {
            Some(position) => {
                *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
                Extent::Outbox(position)
            }
            None => Extent::Outage(*self.position.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        let due = self.ledger.lacking();
        let first = self.publish(&due).await?;
        let Some(complete) = self.ledger.complete(&due, reading) else {
            return Ok(None);
        };
        let statement = Statement {
            at_ms,
            extent,
            proof: Proof {
                anchor: anchor.as_deref().or(first.as_deref()),
                newest: complete.newest.as_deref(),
            },
            instance: &self.instance,
        };
        let said = revocations::heartbeat(&self.parts.redis, &statement, self.keep).await?;
        if said == Said::Lost {
            self.ledger.doubt();
        }
        Ok(Some(said))
    }

    /// Publishes the rows that no other issuer has published meanwhile, and returns the first entry.
    async fn publish(&self, due: &[Recorded]) -> Result<Option<String>, StoreError> {
        let mut first = None;
        for batch in due.chunks(BATCH) {
            let entries = revocations::publish(&self.parts.redis, batch, self.keep).await?;
            self.ledger.published(batch, &entries);
            first = first.or(entries.into_iter().next());
        }
        if !due.is_empty() {
            tracing::debug!(revocations = due.len(), "published revocations that the feed lacked");
        }
        Ok(first)
    }

    fn measure(&self, said: &Result<Option<Said>, StoreError>) {
        let metrics = &self.parts.metrics;
        let is_said = matches!(said, Ok(Some(Said::Appended | Said::Known)));
        let result = if is_said { "success" } else { "error" };
        metrics.job_runs.with_label_values(&["revocation_feed", result]).inc();
        metrics
            .revocation_pending
            .set(i64::try_from(self.ledger.pending()).unwrap_or(i64::MAX));
    }
}
