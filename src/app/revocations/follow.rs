//! Follows the feed: reads it from its beginning once, then what is added, into the view.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::Shared;
use crate::store::{
    StoreError,
    revocations::{self, Content, Entry},
};

/// How long one read waits for news.
const BLOCK: Duration = Duration::from_millis(250);
/// Between two tries while Redis is away.
const AGAIN: Duration = Duration::from_millis(200);

/// Where the reading is.
#[derive(Debug, Default)]
struct Reader {
    /// The feed was read from its beginning to `last`.
    is_whole: bool,
    /// The last entry that was read.
    last: Option<String>,
    /// The connection on which it was read.
    connection: Option<u64>,
}

/// Follows the feed until the runtime ends.
pub(in crate::app) async fn follow(shared: Arc<Shared>) {
    let connected = &shared.metrics.revocation_stream_connected;
    let mut reader = Reader::default();
    loop {
        match reader.step(&shared).await {
            Ok(()) => connected.set(1),
            Err(error) => {
                // Said once per outage.
                if connected.get() == 1 {
                    tracing::warn!(%error, "the revocation feed cannot be read; the view grows older");
                }
                connected.set(0);
                tokio::time::sleep(AGAIN).await;
            }
        }
        shared.metrics.observe_view(&shared.view);
    }
}

impl Reader {
    async fn step(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let is_doubted = shared.ledger.as_ref().is_some_and(|ledger| ledger.is_doubted());
        if self.is_whole && !is_doubted {
            self.tail(shared).await
        } else {
            self.read_all(shared).await
        }
    }

    /// Reads the feed from its beginning. What its heartbeats say does not count yet: they may be of another server's clock.
    async fn read_all(&mut self, shared: &Shared) -> Result<(), StoreError> {
        self.is_whole = false;
        if let Some(ledger) = &shared.ledger {
            ledger.begin_reading();
        }
        let mut last = None;
        loop {
            let Some(page) = revocations::next_page(&shared.redis, last.as_deref()).await? else {
                // It was emptied meanwhile.
                return Ok(());
            };
            for entry in &page.entries {
                apply(shared, entry);
            }
            last = page.entries.last().map(|entry| entry.id.clone()).or(last);
            if !page.more {
                break;
            }
        }
        if let Some(ledger) = &shared.ledger {
            ledger.finish_reading();
        }
        self.last = last;
        self.is_whole = true;
        Ok(())
    }

    /// Reads what was added.
    async fn tail(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let tail = revocations::tail(&shared.redis, self.last.as_deref(), BLOCK).await?;
        // At once: a revocation is true whatever has become of the feed.
        for entry in &tail.entries {
            apply(shared, entry);
        }
        let asked = Instant::now();
        let position = revocations::position(&shared.redis, self.last.as_deref()).await?;
        if !position.continues {
            tracing::info!("the revocation feed was replaced; reading it anew");
            *self = Self::default();
            return Ok(());
        }
        for entry in &tail.entries {
            if matches!(entry.content, Content::Revoked(_)) {
                let milliseconds = u64::try_from(position.now_ms - entry.at_ms()).unwrap_or(0);
                let lag = Duration::from_millis(milliseconds);
                shared.metrics.revocation_lag.observe(lag.as_secs_f64());
            }
        }
        // A heartbeat that was there before the connection may be of another server, whose clock is another one.
        let is_same_server = self.connection == Some(tail.connection) && tail.connection == position.connection;
        if is_same_server
            && let Some(instant) = newest_heartbeat(&tail.entries)
                .and_then(|heartbeat_ms| shared.view.instant_of(heartbeat_ms, position.now_ms, asked))
        {
            shared.view.complete(instant);
        }
        self.connection = Some(position.connection);
        if let Some(entry) = tail.entries.into_iter().next_back() {
            self.last = Some(entry.id);
        }
        Ok(())
    }
}

fn newest_heartbeat(entries: &[Entry]) -> Option<i64> {
    entries.iter().rev().find_map(|entry| match entry.content {
        Content::Heartbeat { at_ms, .. } => Some(at_ms),
        _ => None,
    })
}

fn apply(shared: &Shared, entry: &Entry) {
    match &entry.content {
        Content::Revoked(recorded) => shared.view.revoke(&recorded.revocation),
        Content::Heartbeat { position, .. } => shared.metrics.revocation_feed_position.set(*position),
        Content::Unknown => tracing::warn!(
            id = entry.id,
            "an entry of the revocation feed cannot be read; is this instance too old?"
        ),
    }
    if let Some(ledger) = &shared.ledger {
        ledger.saw(entry);
    }
}
