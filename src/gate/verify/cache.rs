//! Tokens that were verified before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, notification::RemovalCause, sync::Cache};
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::{Identity, check, check_even_if_expired, issuer_of};
use crate::{
    gate::{
        denial::{Denial, TokenFault},
        snapshot::Snapshot,
    },
    keys::Keys,
    metrics::Metrics,
};

type Digest = [u8; 32];

/// At most this many verified tokens are kept; the least used go first.
const CAPACITY: u64 = 1_000_000;
/// Bad signatures are remembered briefly and in a small cache of their own: a flood of forged tokens costs one signature
/// check each and cannot push a good token out.
const FORGED_CAPACITY: u64 = 10_000;
const FORGED_FOR: Duration = Duration::from_secs(10);

/// Verifies tokens and remembers the outcome.
pub struct Verifier {
    keys: Arc<Keys>,
    good: Cache<Digest, Arc<Identity>>,
    forged: Cache<Digest, ()>,
    hits: prometheus::IntCounter,
    misses: prometheus::IntCounter,
}

impl Verifier {
    /// An empty cache over `keys`.
    pub fn new(keys: Arc<Keys>, metrics: &Metrics) -> Self {
        let evictions = metrics.cache_evictions.with_label_values(&["token"]);
        Self {
            keys,
            good: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(UntilExpiry)
                .eviction_listener(move |_, _, cause| {
                    if cause == RemovalCause::Size {
                        evictions.inc();
                    }
                })
                .build(),
            forged: Cache::builder()
                .max_capacity(FORGED_CAPACITY)
                .time_to_live(FORGED_FOR)
                .build(),
            hits: metrics.cache_requests.with_label_values(&["token", "hit"]),
            misses: metrics.cache_requests.with_label_values(&["token", "miss"]),
        }
    }

    /// Who `token` speaks of.
    ///
    /// # Errors
    /// `Denial::Token` says which check failed.
    pub fn identity(&self, token: &str, snapshot: &Snapshot, now: OffsetDateTime) -> Result<Arc<Identity>, Denial> {
        let key = fingerprint(token);
        let judged_by = (snapshot.sha256, self.keys.withdrawals());
        if let Some(identity) = self.good.get(&key).filter(|identity| identity.judged_by == judged_by) {
            self.hits.inc();
            // The cache forgets by its own clock and a little late; the token's own times decide.
            identity.check_times(now)?;
            return Ok(identity);
        }
        self.misses.inc();
        if self.forged.contains_key(&key) {
            return Err(TokenFault::BadSignature.into());
        }
        self.first_sight(key, token, snapshot, judged_by.1, now)
            .map_err(Denial::from)
    }

    /// For ending a session with the token it left behind; never cached.
    ///
    /// # Errors
    /// `Denial::Token` says which check failed.
    pub fn identity_even_if_expired(
        &self,
        token: &str,
        snapshot: &Snapshot,
        now: OffsetDateTime,
    ) -> Result<Identity, Denial> {
        Ok(check_even_if_expired(token, &self.keys.current(), snapshot, now)?)
    }

    fn first_sight(
        &self,
        key: Digest,
        token: &str,
        snapshot: &Snapshot,
        withdrawals: u64,
        now: OffsetDateTime,
    ) -> Result<Arc<Identity>, TokenFault> {
        // What was judged by an older configuration, or by a key that may be gone, is not good enough to be returned below.
        if self
            .good
            .get(&key)
            .is_some_and(|identity| identity.judged_by != (snapshot.sha256, withdrawals))
        {
            self.good.invalidate(&key);
        }
        // Concurrent first sights of one token wait for the one that verifies.
        let verified = self
            .good
            // The count was read before the keys: if any are taken away meanwhile, this outcome is not believed again.
            .try_get_with(key, || {
                let mut identity = check(token, &self.keys.current(), snapshot, now)?;
                identity.judged_by.1 = withdrawals;
                Ok(Arc::new(identity))
            });
        verified.map_err(|fault: Arc<TokenFault>| {
            match *fault {
                TokenFault::BadSignature => self.forged.insert(key, ()),
                TokenFault::UnknownKey | TokenFault::KeysUnavailable => {
                    if let Some(issuer) = issuer_of(token) {
                        self.keys.want_reload(&issuer);
                    }
                }
                _ => {}
            }
            *fault
        })
    }

    /// How many tokens are held, for the metric.
    pub fn entries(&self) -> u64 {
        self.good.entry_count()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("entries", &self.entries())
            .finish_non_exhaustive()
    }
}

/// The cache's key: never the token itself, so that a memory dump of the cache holds nothing that signs in.
fn fingerprint(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

/// Keeps an entry until its token expires.
struct UntilExpiry;

impl Expiry<Digest, Arc<Identity>> for UntilExpiry {
    fn expire_after_create(&self, _: &Digest, identity: &Arc<Identity>, _: Instant) -> Option<Duration> {
        Some(identity.keep_for)
    }
}
