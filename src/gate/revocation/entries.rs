//! The revocations: for each fingerprint, which tokens are refused, and until when.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use time::OffsetDateTime;

use super::fingerprint::{Fingerprint, NONE};

/// The number of shards, each with its own lock, so that requests rarely wait for each other.
const SHARDS: usize = 64;

/// Which tokens with a fingerprint are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    /// When all affected tokens have expired, in Unix seconds.
    expires_at: u32,
    /// Tokens with an older version are refused; [`Self::ALL`] means every token.
    below: u32,
}

impl Refused {
    const ALL: u32 = u32::MAX;

    /// `version` is the first that is not refused; `None` refuses all.
    pub(super) fn new(version: Option<u32>, expires_at: OffsetDateTime) -> Self {
        Self {
            expires_at: seconds(expires_at),
            below: version.unwrap_or(Self::ALL),
        }
    }

    /// Whether a token of this version is refused.
    pub(super) const fn concerns(self, version: u32) -> bool {
        self.below == Self::ALL || version < self.below
    }

    /// The union of both: revocations arrive twice and out of order, and what was revoked stays revoked.
    fn and(self, other: Self) -> Self {
        Self {
            expires_at: self.expires_at.max(other.expires_at),
            below: self.below.max(other.below),
        }
    }
}

type Shard = HashMap<Fingerprint, Refused, BuildHasherDefault<AsIs>>;

/// All current revocations.
#[derive(Debug)]
pub(super) struct Entries {
    shards: [RwLock<Shard>; SHARDS],
    count: AtomicUsize,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            count: AtomicUsize::new(0),
        }
    }
}

impl Entries {
    /// Adds a revocation, and returns what is refused under its fingerprint now.
    pub(super) fn insert(&self, fingerprint: Fingerprint, refused: Refused) -> Refused {
        let mut shard = self.shard(fingerprint).write().expect("no holder of this lock panics");
        let merged = shard.get(&fingerprint).map_or(refused, |held| held.and(refused));
        if shard.insert(fingerprint, merged).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        merged
    }

    /// Whether a token of this version is refused under this fingerprint.
    pub(super) fn refuse(&self, fingerprint: Fingerprint, version: u32) -> bool {
        if fingerprint == NONE {
            return false;
        }
        let shard = self.shard(fingerprint).read().expect("no holder of this lock panics");
        shard.get(&fingerprint).is_some_and(|refused| refused.concerns(version))
    }

    /// Removes revocations whose tokens have all expired.
    pub(super) fn forget_expired(&self, now: OffsetDateTime) {
        let now = seconds(now);
        for shard in &self.shards {
            let mut shard = shard.write().expect("no holder of this lock panics");
            let before = shard.len();
            shard.retain(|_, refused| refused.expires_at > now);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
            // The memory of a large number of logouts has to be returned.
            if shard.capacity() > 4 * shard.len().max(16) {
                shard.shrink_to_fit();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn shard(&self, fingerprint: Fingerprint) -> &RwLock<Shard> {
        // The map uses the lowest bits for the bucket and the highest to compare entries; the shard uses others.
        &self.shards[usize::try_from((fingerprint >> 32) % SHARDS as u64).expect("less than SHARDS")]
    }
}

fn seconds(at: OffsetDateTime) -> u32 {
    // This representation ends in the year 2106.
    u32::try_from(at.unix_timestamp().max(0)).unwrap_or(u32::MAX)
}

/// Uses the fingerprint as its own hash: hashing it again would cost more than the lookup.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed")
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}
