//! The requests under way that last: whom to tell when a session ends.
//!
//! Only these are listed (each WebSocket, event stream and gRPC call, and whatever has lasted for a second), so an ordinary request
//! pays nothing, and a revocation finds its streams without a walk through all of them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    ending::Ending,
    view::{Fingerprint, Fingerprints, Standing, View},
};

/// How many locks the list is spread over.
const SHARDS: usize = 16;

/// One request under one of its fingerprints; the number keeps requests of one session apart.
type Key = (Fingerprint, u64);

/// All that are listed.
#[derive(Debug, Default)]
pub(super) struct Streams {
    shards: [Mutex<BTreeMap<Key, Listed>>; SHARDS],
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Listed {
    issued_at: i64,
    ending: Arc<Ending>,
}

/// A place in the list. The request leaves the list with this value.
#[derive(Debug)]
pub struct Watched {
    view: Arc<View>,
    fingerprints: Fingerprints,
    number: u64,
}

impl Streams {
    fn enter(&self, fingerprints: &Fingerprints, issued_at: i64, ending: &Arc<Ending>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        for fingerprint in fingerprints.known() {
            let listed = Listed {
                issued_at,
                ending: Arc::clone(ending),
            };
            self.with(fingerprint, |shard| shard.insert((fingerprint, number), listed));
        }
        number
    }

    fn leave(&self, fingerprints: &Fingerprints, number: u64) {
        for fingerprint in fingerprints.known() {
            self.with(fingerprint, |shard| shard.remove(&(fingerprint, number)));
        }
    }

    /// Tells every request of this fingerprint to end, if its token `is_concerned` by when it was issued.
    pub(super) fn end(&self, fingerprint: Fingerprint, is_concerned: impl Fn(i64) -> bool) {
        self.with(fingerprint, |shard| {
            for (_, listed) in shard.range((fingerprint, 0)..=(fingerprint, u64::MAX)) {
                if is_concerned(listed.issued_at) {
                    listed.ending.revoked();
                }
            }
        });
    }

    fn with<T>(&self, fingerprint: Fingerprint, act: impl FnOnce(&mut BTreeMap<Key, Listed>) -> T) -> T {
        let shard = &self.shards[usize::try_from(fingerprint % SHARDS as u128).expect("less than SHARDS")];
        // A waker is foreign code: should it panic, the list is still whole.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

impl View {
    /// Ends a request as soon as its token is revoked; at once if it was meanwhile. To be called from within it.
    pub fn watch(self: &Arc<Self>, fingerprints: Fingerprints, issued_at: i64, ending: &Arc<Ending>) -> Watched {
        ending.arm();
        let number = self.streams.enter(&fingerprints, issued_at, ending);
        // First the list, then the question: a revocation comes before one of the two.
        if self.standing(&fingerprints, issued_at) != Standing::Live {
            ending.revoked();
        }
        Watched {
            view: Arc::clone(self),
            fingerprints,
            number,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.view.streams.leave(&self.fingerprints, self.number);
    }
}

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::gate::revocation::{Kind, ending::Reason};

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
    const LATER: OffsetDateTime = datetime!(2026-11-23 12:10:00 UTC);

    fn open(view: &Arc<View>, session: &str, user: &str, issued_at: i64) -> (Watched, Arc<Ending>) {
        let ending = Arc::new(Ending::default());
        let ids = [(Kind::Jti, None), (Kind::Sid, Some(session)), (Kind::User, Some(user))];
        (view.watch(Fingerprints::of(&ids), issued_at, &ending), ending)
    }

    #[test]
    fn a_revoked_session_ends_its_streams_and_no_others() {
        let view = Arc::new(View::default());
        let (_first, first) = open(&view, "s1", "u", 0);
        let (_second, second) = open(&view, "s1", "u", 0);
        let (_other, other) = open(&view, "s2", "u", 0);
        view.revoke(Kind::Sid, "s1", None, LATER);
        assert_eq!(
            (first.reason(), second.reason()),
            (Some(Reason::Revoked), Some(Reason::Revoked))
        );
        assert_eq!(other.reason(), None);
    }

    #[test]
    fn changed_rights_end_the_streams_of_older_tokens_only() {
        let view = Arc::new(View::default());
        let (_old, old) = open(&view, "s1", "u", NOW.unix_timestamp());
        let (_new, new) = open(&view, "s1", "u", NOW.unix_timestamp() + 1);
        view.revoke(Kind::User, "u", Some(NOW), LATER);
        assert_eq!((old.reason(), new.reason()), (Some(Reason::Revoked), None));
    }

    #[test]
    fn a_stream_that_opens_while_its_session_ends_ends_too() {
        let view = Arc::new(View::default());
        view.revoke(Kind::Sid, "s1", None, LATER);
        assert_eq!(open(&view, "s1", "u", 0).1.reason(), Some(Reason::Revoked));
    }

    #[test]
    fn a_stream_that_ended_leaves_nothing_behind() {
        let view = Arc::new(View::default());
        let (watched, _) = open(&view, "s1", "u", 0);
        assert_eq!(view.streams.len(), 2);
        drop(watched);
        assert_eq!(view.streams.len(), 0);
    }
}
