//! The cache of verified tokens.

use std::{sync::Arc, time::Duration};

use quick_cache::{
    DefaultHashBuilder, Lifecycle, OptionsBuilder, UnitWeighter,
    sync::{Cache, EntryAction, EntryResult},
};
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::{
    check::{check, check_even_if_expired, issuer_of},
    shared::Shared,
    standard::Standard,
};
use crate::{
    gate::{
        caller::Caller,
        denial::{Denial, TokenFault},
        identity::Identity,
        rules::Rules,
    },
    keys::Keys,
    metrics::Metrics,
};

type Digest = [u8; 32];

/// The most verified tokens in the cache; the least used are evicted first.
const CAPACITY: usize = 1_000_000;
/// The number of shards, each with its own lock; [`Verifier::forget_expired`] locks one of them at a time.
const SHARDS: usize = 256;
/// Forged tokens are cached briefly, in a small cache of their own: a flood of them costs one signature check each and
/// cannot evict valid tokens.
const FORGED_CAPACITY: u64 = 10_000;
const FORGED_FOR: Duration = Duration::from_secs(10);

/// Counts evicted tokens.
#[derive(Clone)]
struct Evictions(prometheus::IntCounter);

impl Lifecycle<Digest, Arc<Caller>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Digest, _: Arc<Caller>) {
        self.0.inc();
    }
}

/// Verifies tokens and caches the outcome.
pub struct Verifier {
    keys: Arc<Keys>,
    good: Cache<Digest, Arc<Caller>, UnitWeighter, DefaultHashBuilder, Evictions>,
    shared: Shared,
    forged: moka::sync::Cache<Digest, ()>,
    hits: prometheus::IntCounter,
    misses: prometheus::IntCounter,
}

impl Verifier {
    /// An empty cache for tokens signed with `keys`.
    pub fn new(keys: Arc<Keys>, metrics: &Metrics) -> Self {
        Self {
            keys,
            good: Cache::with_options(
                OptionsBuilder::new()
                    .estimated_items_capacity(CAPACITY)
                    .weight_capacity(CAPACITY as u64)
                    .shards(SHARDS)
                    .build()
                    .expect("both capacities are given"),
                UnitWeighter,
                DefaultHashBuilder::default(),
                Evictions(metrics.cache_evictions.with_label_values(&["token"])),
            ),
            shared: Shared::new(),
            forged: moka::sync::Cache::builder()
                .max_capacity(FORGED_CAPACITY)
                .time_to_live(FORGED_FOR)
                .build(),
            hits: metrics.cache_requests.with_label_values(&["token", "hit"]),
            misses: metrics.cache_requests.with_label_values(&["token", "miss"]),
        }
    }

    /// The caller in `token`.
    ///
    /// # Errors
    /// `Denial::Token` says which check failed.
    pub fn caller(&self, token: &str, rules: &Rules, now: OffsetDateTime) -> Result<Arc<Caller>, Denial> {
        let key = fingerprint(token);
        // The count is read before the keys: if one is removed meanwhile, the outcome is not used again.
        let judged_by = Standard::new(rules, self.keys.withdrawals());
        if let Some(caller) = self.good.get(&key).filter(|caller| caller.judged_by == judged_by) {
            self.hits.inc();
            // The cache removes tokens late; the token's own times decide.
            caller.identity.check_times(now)?;
            return Ok(caller);
        }
        self.misses.inc();
        if self.forged.contains_key(&key) {
            return Err(TokenFault::BadSignature.into());
        }
        let verified = self.first_sight(key, token, rules, judged_by, now);
        if let Err(TokenFault::UnknownKey | TokenFault::KeysUnavailable) = verified
            && let Some(issuer) = issuer_of(token)
        {
            self.keys.want_reload(&issuer);
        }
        Ok(verified?)
    }

    /// Verifies a token that may have expired, to end its session; never cached.
    ///
    /// # Errors
    /// `Denial::Token` says which check failed.
    pub fn identity_even_if_expired(
        &self,
        token: &str,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<Identity, Denial> {
        Ok(check_even_if_expired(token, &self.keys.current(), rules, now)?)
    }

    fn first_sight(
        &self,
        key: Digest,
        token: &str,
        rules: &Rules,
        judged_by: Standard,
        now: OffsetDateTime,
    ) -> Result<Arc<Caller>, TokenFault> {
        // Concurrent requests with a new token wait for the one that verifies it. A token that was verified with an
        // older configuration, or with a key that may have been removed, is verified again.
        let known = self.good.entry(&key, None, |_, caller| {
            if caller.judged_by == judged_by {
                EntryAction::Retain(Arc::clone(caller))
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        let place = match known {
            EntryResult::Retained(caller) => {
                caller.identity.check_times(now)?;
                return Ok(caller);
            }
            EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => place,
            EntryResult::Removed(..) | EntryResult::Timeout => unreachable!("neither was asked for"),
        };
        // The request that verified it may have found it forged: those that waited do not verify it again.
        if self.forged.contains_key(&key) {
            return Err(TokenFault::BadSignature);
        }
        match check(token, &self.keys.current(), rules, now) {
            Ok(mut identity) => {
                self.shared.share(&mut identity);
                let caller = Arc::new(Caller::new(identity, judged_by));
                // An error means that another request inserted the token meanwhile; a later lookup checks what it was
                // verified with.
                let _ = place.insert(Arc::clone(&caller));
                Ok(caller)
            }
            Err(fault) => {
                if fault == TokenFault::BadSignature {
                    self.forged.insert(key, ());
                }
                Err(fault)
            }
        }
    }

    /// Removes expired tokens.
    pub fn forget_expired(&self, now: OffsetDateTime) {
        self.good
            .retain(|_, caller| caller.identity.check_times(now) != Err(TokenFault::Expired));
    }

    /// The number of cached tokens, for the metric.
    pub fn entries(&self) -> u64 {
        self.good.len() as u64
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("entries", &self.entries())
            .finish_non_exhaustive()
    }
}

/// The cache key: never the token itself, so that a memory dump of the cache contains no usable token.
fn fingerprint(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}
