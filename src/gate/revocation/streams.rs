//! The list of long requests, which are ended by a revocation.
//!
//! Only upgraded connections, event streams, gRPC calls and requests that take longer than a second are listed, so that ordinary
//! requests cost nothing. A revocation finds its streams by fingerprint.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    ending::Ending,
    fingerprint::{Fingerprint, Fingerprints},
};

/// The number of shards, each with its own lock.
const SHARDS: usize = 16;

/// A request under one of its fingerprints; the number distinguishes requests of one session.
type Key = (Fingerprint, u64);

/// All listed requests.
#[derive(Debug, Default)]
pub(super) struct Streams {
    shards: [Mutex<BTreeMap<Key, Listed>>; SHARDS],
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Listed {
    version: u32,
    ending: Arc<Ending>,
}

impl Streams {
    /// Lists a request and returns its number.
    pub(super) fn enter(&self, fingerprints: &Fingerprints, ending: &Arc<Ending>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        for fingerprint in fingerprints.known() {
            let listed = Listed {
                version: fingerprints.version,
                ending: Arc::clone(ending),
            };
            self.with(fingerprint, |shard| shard.insert((fingerprint, number), listed));
        }
        number
    }

    /// Removes a request from the list.
    pub(super) fn leave(&self, fingerprints: &Fingerprints, number: u64) {
        for fingerprint in fingerprints.known() {
            self.with(fingerprint, |shard| shard.remove(&(fingerprint, number)));
        }
    }

    /// Ends every request with this fingerprint for whose token version `is_concerned` is true.
    pub(super) fn end(&self, fingerprint: Fingerprint, is_concerned: impl Fn(u32) -> bool) {
        self.with(fingerprint, |shard| {
            for (_, listed) in shard.range((fingerprint, 0)..=(fingerprint, u64::MAX)) {
                if is_concerned(listed.version) {
                    listed.ending.revoked();
                }
            }
        });
    }

    fn with<T>(&self, fingerprint: Fingerprint, act: impl FnOnce(&mut BTreeMap<Key, Listed>) -> T) -> T {
        let shard = &self.shards[usize::try_from(fingerprint % SHARDS as u64).expect("less than SHARDS")];
        // Wakers are foreign code: if one panics, the list is still consistent.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}
