//! The view: the current revocations, in the memory of this instance.
//!
//! Requests are checked in the view and not in Redis, so that the gate needs no network. It has three parts: the
//! revocations, the requests in progress that end with their token, and the age of both.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use super::{
    ending::Ending,
    entries::{Entries, Refused},
    fingerprint::{self, Fingerprints},
    freshness::Freshness,
    streams::Streams,
};
use crate::store::revocations::{Revocation, Subject};

/// All current revocations.
#[derive(Debug, Default)]
pub struct View {
    entries: Entries,
    streams: Streams,
    freshness: Freshness,
}

/// The status of a token in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not revoked.
    Live,
    /// It or its session was revoked.
    Revoked,
    /// The user's permissions changed after it was issued.
    Outdated,
    /// The key that signed it was revoked.
    KeyRevoked,
}

/// A request's entry in the list of those that end with their token. Dropping the value removes it.
#[derive(Debug)]
pub struct Watched {
    view: Arc<View>,
    fingerprints: Fingerprints,
    number: u64,
}

impl View {
    /// A view without a feed, for a verifier whose issuers publish none: it is never stale.
    pub fn of_no_feed() -> Self {
        Self {
            freshness: Freshness::of_no_feed(),
            ..Self::default()
        }
    }

    /// Adds a revocation, and ends the affected streams.
    pub fn revoke(&self, revocation: &Revocation) {
        let version = match &revocation.subject {
            Subject::User { version, .. } => Some(*version),
            _ => None,
        };
        let fingerprint = fingerprint::of_subject(&revocation.subject);
        let refused = self
            .entries
            .insert(fingerprint, Refused::new(version, revocation.expires_at));
        self.streams.end(fingerprint, |version| refused.concerns(version));
    }

    /// The status of a token with these fingerprints.
    pub fn standing(&self, token: &Fingerprints) -> Standing {
        let refuse = |fingerprint| self.entries.refuse(fingerprint, token.version);
        if self.entries.len() == 0 {
            Standing::Live
        } else if refuse(token.token) || refuse(token.session) {
            Standing::Revoked
        } else if refuse(token.key) {
            Standing::KeyRevoked
        } else if refuse(token.user) {
            Standing::Outdated
        } else {
            Standing::Live
        }
    }

    /// Ends a request as soon as its token is revoked; at once if it has been revoked meanwhile. Must be called from
    /// within the request.
    pub fn watch(self: &Arc<Self>, fingerprints: Fingerprints, ending: &Arc<Ending>) -> Watched {
        ending.arm();
        let number = self.streams.enter(&fingerprints, ending);
        // First the list, then the check: a revocation in between is seen by one of the two.
        if self.standing(&fingerprints) != Standing::Live {
            ending.revoked();
        }
        Watched {
            view: Arc::clone(self),
            fingerprints,
            number,
        }
    }

    /// Removes entries whose tokens have all expired.
    pub fn forget_expired(&self, now: OffsetDateTime) {
        self.entries.forget_expired(now);
    }

    /// The number of revocations.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records that the view contains every revocation that was committed before `at`.
    pub fn complete(&self, at: Instant) {
        self.freshness.complete(at);
    }

    /// The age of the view: it contains every revocation that was committed earlier. [`Duration::MAX`] if it was never
    /// complete.
    pub fn age(&self, now: Instant) -> Duration {
        self.freshness.age(now)
    }

    /// The time of a heartbeat by the clock of this process; see [`Freshness::instant_of`].
    pub fn instant_of(&self, heartbeat_ms: i64, redis_now_ms: i64, asked: Instant) -> Option<Instant> {
        self.freshness.instant_of(heartbeat_ms, redis_now_ms, asked)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.view.streams.leave(&self.fingerprints, self.number);
    }
}

#[cfg(test)]
mod tests;
