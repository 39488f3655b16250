//! Follows the feed: reads it once from its beginning, and then what is appended, into the view.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ledger::Ledger, parts::Parts};
use crate::store::{
    StoreError,
    revocations::{self, Content, Entry},
};

/// How long a read waits for new entries.
const BLOCK: Duration = Duration::from_millis(250);
/// The interval between two attempts while Redis is unreachable.
const AGAIN: Duration = Duration::from_millis(200);

/// The state of the reading.
#[derive(Debug, Default)]
struct Reader {
    /// The feed was read from its beginning to `last`.
    is_whole: bool,
    /// The last entry that was read.
    last: Option<String>,
    /// The connection it was read on.
    connection: Option<u64>,
    ledger: Option<Arc<Ledger>>,
}

/// Follows the feed until the runtime ends. An issuer also keeps a ledger of its entries.
pub(in crate::app) async fn follow(parts: Parts, ledger: Option<Arc<Ledger>>) {
    let connected = &parts.metrics.revocation_stream_connected;
    let mut reader = Reader {
        ledger,
        ..Reader::default()
    };
    loop {
        match reader.step(&parts).await {
            Ok(()) => connected.set(1),
            Err(error) => {
                // Logged once per outage.
                if connected.get() == 1 {
                    tracing::warn!(%error, "the revocation feed cannot be read; the view grows older");
                }
                connected.set(0);
                tokio::time::sleep(AGAIN).await;
            }
        }
        parts.measure();
    }
}

impl Reader {
    async fn step(&mut self, parts: &Parts) -> Result<(), StoreError> {
        let is_doubted = self.ledger.as_ref().is_some_and(|ledger| ledger.is_doubted());
        if self.is_whole && !is_doubted {
            self.tail(parts).await
        } else {
            self.read_all(parts).await
        }
    }

    /// Reads the feed from its beginning. Its heartbeats do not count yet: they may be by the clock of another server.
    async fn read_all(&mut self, parts: &Parts) -> Result<(), StoreError> {
        self.is_whole = false;
        if let Some(ledger) = &self.ledger {
            ledger.begin_reading();
        }
        let mut last = None;
        loop {
            let Some(page) = revocations::next_page(&parts.redis, last.as_deref()).await? else {
                // The feed was emptied meanwhile.
                return Ok(());
            };
            for entry in &page.entries {
                self.apply(parts, entry);
            }
            last = page.entries.last().map(|entry| entry.id.clone()).or(last);
            if !page.more {
                break;
            }
        }
        if let Some(ledger) = &self.ledger {
            ledger.finish_reading();
        }
        self.last = last;
        self.is_whole = true;
        Ok(())
    }

    /// Reads what was appended.
    async fn tail(&mut self, parts: &Parts) -> Result<(), StoreError> {
        let tail = revocations::tail(&parts.redis, self.last.as_deref(), BLOCK).await?;
        // Applied at once: a revocation is valid whatever happened to the feed.
        for entry in &tail.entries {
            self.apply(parts, entry);
        }
        let asked = Instant::now();
        let position = revocations::position(&parts.redis, self.last.as_deref()).await?;
        if !position.continues {
            tracing::info!("the revocation feed was replaced; reading it anew");
            self.is_whole = false;
            return Ok(());
        }
        for entry in &tail.entries {
            if matches!(entry.content, Content::Revoked(_)) {
                let milliseconds = u64::try_from(position.now_ms - entry.at_ms()).unwrap_or(0);
                let lag = Duration::from_millis(milliseconds);
                parts.metrics.revocation_lag.observe(lag.as_secs_f64());
            }
        }
        // A heartbeat from before the connection may be from another server with another clock.
        let is_same_server = self.connection == Some(tail.connection) && tail.connection == position.connection;
        if is_same_server
            && let Some(instant) = newest_heartbeat(&tail.entries)
                .and_then(|heartbeat_ms| parts.view.instant_of(heartbeat_ms, position.now_ms, asked))
        {
            parts.view.complete(instant);
        }
        self.connection = Some(position.connection);
        if let Some(entry) = tail.entries.into_iter().next_back() {
            self.last = Some(entry.id);
        }
        Ok(())
    }

    fn apply(&self, parts: &Parts, entry: &Entry) {
        match &entry.content {
            Content::Revoked(recorded) => parts.view.revoke(&recorded.revocation),
            Content::Heartbeat { position, .. } => parts.metrics.revocation_feed_position.set(*position),
            Content::Unknown => tracing::warn!(
                id = entry.id,
                "an entry of the revocation feed cannot be read; is this instance too old?"
            ),
        }
        if let Some(ledger) = &self.ledger {
            ledger.saw(entry);
        }
    }
}

fn newest_heartbeat(entries: &[Entry]) -> Option<i64> {
    entries.iter().rev().find_map(|entry| match entry.content {
        Content::Heartbeat { at_ms, .. } => Some(at_ms),
        _ => None,
    })
}
