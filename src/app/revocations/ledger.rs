//! The ledger of an issuer: what it knows of its outbox and of the feed, and so which revocations the feed lacks.
//!
//! A *reading* covers the feed from its beginning to where it is followed now. If the feed turns out to be another one
//! (emptied, or without its last writes) a new reading begins, and the complete outbox is compared with it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;

use crate::store::revocations::{CLOCKS_APART, Content, Entry, Recorded};

/// The interval at which rows whose tokens have expired are removed. Not at each reading: after an outage, each sign-out
/// would go through everything that waits.
const REMOVE_EXPIRED_EVERY: Duration = Duration::from_secs(1);

/// The number of ids of published rows that are kept before the oldest are removed.
const KEPT: usize = 4_096;

/// The ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The number of the reading.
    reading: u64,
    /// Whether the feed was read to its end.
    is_read: bool,
    /// Whether the complete outbox was compared with it.
    is_compared: bool,
    /// Whether the feed has to be read from its beginning again.
    is_doubted: bool,
    /// The newest known entry of the feed, read or written.
    newest: Option<String>,
    /// Rows that are in the feed, as far as a reading of the outbox can return them again.
    in_feed: HashSet<i64>,
    /// Rows that the feed lacks.
    lacking: BTreeMap<i64, Recorded>,
    /// When rows whose tokens have expired were removed.
    removed_expired_at: Option<OffsetDateTime>,
    /// The greatest id of a row from the outbox.
    greatest: i64,
}

/// The proof that the feed contains what the outbox contained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complete {
    /// The newest known entry of the feed.
    pub(super) newest: Option<String>,
}

impl Ledger {
    /// Records that a reading of the feed begins.
    pub(super) fn begin_reading(&self) {
        let mut state = self.state();
        state.reading += 1;
        state.is_read = false;
        state.is_compared = false;
        state.is_doubted = false;
        state.newest = None;
        state.in_feed.clear();
    }

    /// Records that an entry of the feed was read.
    pub(super) fn saw(&self, entry: &Entry) {
        let mut state = self.state();
        state.know(&entry.id);
        if let Content::Revoked(recorded) = &entry.content {
            state.is_in_feed(recorded.id);
        }
    }

    /// Whether the feed was read to its end.
    pub(super) fn finish_reading(&self) {
        self.state().is_read = true;
    }

    /// Records that the feed may be another one, and has to be read again.
    pub(super) fn doubt(&self) {
        self.state().is_doubted = true;
    }

    /// Whether the feed has to be read from its beginning.
    pub(super) fn is_doubted(&self) -> bool {
        self.state().is_doubted
    }

    /// The number of the reading, and whether the complete outbox has to be compared with it.
    pub(super) fn wants(&self) -> (u64, bool) {
        let state = self.state();
        (state.reading, !state.is_compared)
    }

    /// Records that rows of the outbox were read, after [`Self::wants`] returned the number of this `reading`.
    pub(super) fn read_outbox(&self, rows: Vec<Recorded>, whole: bool, reading: u64, now: OffsetDateTime) {
        let mut state = self.state();
        if state.in_feed.len() > KEPT && state.is_read && state.is_compared {
            let shown_again: HashSet<i64> = rows.iter().map(|row| row.id).collect();
            let greatest = state.greatest;
            state.in_feed.retain(|id| *id > greatest || shown_again.contains(id));
        }
        for row in rows {
            state.greatest = state.greatest.max(row.id);
            state.lacks(row);
        }
        // A clock that was set back must not stop it.
        let is_due = |at: OffsetDateTime| (now - at).unsigned_abs() >= REMOVE_EXPIRED_EVERY;
        if state.removed_expired_at.is_none_or(is_due) {
            let alive_at = now - CLOCKS_APART;
            state.lacking.retain(|_, row| row.revocation.expires_at > alive_at);
            state.removed_expired_at = Some(now);
        }
        state.is_compared |= whole && state.reading == reading;
    }

    /// Records that this instance committed rows and is about to publish them. Called before the response to the
    /// change: after that no heartbeat may state that the feed is complete without them.
    pub(crate) fn committed(&self, rows: &[Recorded]) {
        let mut state = self.state();
        for row in rows {
            state.lacks(row.clone());
        }
    }

    /// Records that rows were published, as entries with these ids.
    pub(crate) fn published(&self, rows: &[Recorded], entries: &[String]) {
        let mut state = self.state();
        for row in rows {
            state.is_in_feed(row.id);
        }
        if let Some(entry) = entries.last() {
            state.know(entry);
        }
    }

    /// The rows that the feed lacks.
    pub(super) fn lacking(&self) -> Vec<Recorded> {
        self.state().lacking.values().cloned().collect()
    }

    /// The number of rows that the feed lacks.
    pub(crate) fn pending(&self) -> usize {
        self.state().lacking.len()
    }

    /// The newest known entry of the feed.
    pub(super) fn newest(&self) -> Option<String> {
        self.state().newest.clone()
    }

    /// The proof that the feed contains everything that the outbox contained when `due` were the rows it lacked; `None`
    /// if it does not, or that is unknown.
    pub(super) fn complete(&self, due: &[Recorded], reading: u64) -> Option<Complete> {
        let state = self.state();
        let is_known = state.is_read && state.is_compared && !state.is_doubted && state.reading == reading;
        let is_complete = is_known && !due.iter().any(|row| state.lacking.contains_key(&row.id));
        is_complete.then(|| Complete {
            newest: state.newest.clone(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn know(&mut self, entry: &str) {
        if self.newest.as_deref().is_none_or(|newest| order(newest) < order(entry)) {
            self.newest = Some(entry.to_owned());
        }
    }

    fn is_in_feed(&mut self, row: i64) {
        self.lacking.remove(&row);
        self.in_feed.insert(row);
    }

    fn lacks(&mut self, row: Recorded) {
        if !self.in_feed.contains(&row.id) {
            self.lacking.insert(row.id, row);
        }
    }
}

/// Ids of entries are ordered as numbers, not as text.
fn order(id: &str) -> (u64, u64) {
    let (time, number) = id.split_once('-').unwrap_or((id, "0"));
    (time.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests;
