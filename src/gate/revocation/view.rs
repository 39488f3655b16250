//! The view: the current revocations, in the memory of this instance.
//!
//! A request is checked against this and not against Redis: that is what keeps the gate off the network. It has three
//! parts: what is revoked, the requests under way that end with it, and how old all that is.

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
    /// It carries rights that were changed since.
    Outdated,
    /// The key that signed it was revoked.
    KeyRevoked,
}

/// A request's place in the list of those that end with their token. It leaves the list with this value.
#[derive(Debug)]
pub struct Watched {
    view: Arc<View>,
    fingerprints: Fingerprints,
    number: u64,
}

impl View {
    /// A view that follows no feed, because every issuer whose tokens are accepted is another's: it is never old.
    pub fn of_no_feed() -> Self {
        Self {
            freshness: Freshness::of_no_feed(),
            ..Self::default()
        }
    }

    /// Adds a revocation, and ends the streams it concerns.
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

    /// What is known of a token with these fingerprints.
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

    /// How many revocations there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that the view holds every revocation that was committed before `at`.
    pub fn complete(&self, at: Instant) {
        self.freshness.complete(at);
    }

    /// How old the view is: every revocation that was committed longer ago is in it. [`Duration::MAX`]: nothing is
    /// known.
    pub fn age(&self, now: Instant) -> Duration {
        self.freshness.age(now)
    }

    /// The instant of a heartbeat by our clock; see [`Freshness::instant_of`].
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
