//! Follows the outbox: applies what is recorded in PostgreSQL to this issuer's own view, with or without Redis, and
//! adds it to the ledger.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::{ledger::Ledger, parts::Parts};
use crate::{
    clock,
    store::{StoreError, postgres::Postgres, revocations::Outbox},
};

/// The interval between two readings without a notification, which can be lost, or never pass a pooler.
const POLL: Duration = Duration::from_secs(1);
/// The interval between two attempts while PostgreSQL is unreachable.
const AGAIN: Duration = Duration::from_millis(200);

/// Reads the outbox.
pub(in crate::app) struct Follower {
    parts: Parts,
    ledger: Arc<Ledger>,
    outbox: Mutex<Outbox>,
    woken: Arc<Notify>,
    /// Whether the last reading failed.
    is_away: AtomicBool,
}

impl Follower {
    pub(in crate::app) fn new(parts: &Parts, ledger: &Arc<Ledger>, postgres: &Postgres, issuer: &str) -> Self {
        Self {
            parts: parts.clone(),
            ledger: Arc::clone(ledger),
            outbox: Mutex::new(Outbox::new(postgres, issuer)),
            woken: Arc::default(),
            is_away: AtomicBool::new(false),
        }
    }

    /// Reads when something was recorded, until the task is dropped.
    pub(in crate::app) async fn run(&self) {
        loop {
            let outbox = self.outbox.lock().await;
            if let Err(error) = self.read(outbox).await {
                tracing::debug!(%error, "the outbox of revocations is not read");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            // The notification or the interval, whichever comes first.
            let _ = tokio::time::timeout(POLL, self.woken.notified()).await;
        }
    }

    /// Reads what is recorded by now, and returns the position that was reached; `None` if PostgreSQL does not respond,
    /// or just did not.
    pub(super) async fn read_unless_away(&self) -> Option<i64> {
        if self.is_away.load(Ordering::Relaxed) {
            return None;
        }
        let outbox = self.outbox.lock().await;
        if self.is_away.load(Ordering::Relaxed) {
            return None;
        }
        self.read(outbox).await.ok()
    }

    async fn read(&self, mut outbox: MutexGuard<'_, Outbox>) -> Result<i64, StoreError> {
        let (reading, whole) = self.ledger.wants();
        let asked = Instant::now();
        let now = clock::now();
        let read = outbox.read(whole, &self.woken, now).await;
        let was_away = self.is_away.swap(read.is_err(), Ordering::Relaxed);
        match &read {
            // Logged once per outage.
            Err(error) if !was_away => tracing::warn!(%error, "the outbox of revocations cannot be read"),
            Ok(_) if was_away => tracing::info!("the outbox of revocations is read again"),
            _ => {}
        }
        let read = read?;
        for row in &read.rows {
            self.parts.view.revoke(&row.revocation);
        }
        self.parts.view.complete(asked);
        self.parts.metrics.revocation_outbox_position.set(read.position);
        self.ledger.read_outbox(read.rows, read.whole, reading, now);
        Ok(read.position)
    }
}
