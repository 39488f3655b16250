//! Tokens that were verified before.

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

/// At most this many verified tokens are kept; the least used go first.
const CAPACITY: usize = 1_000_000;
/// Over so many locks the tokens are spread; [`Verifier::forget_expired`] holds one of them at a time.
const SHARDS: usize = 256;
/// Bad signatures are remembered briefly and in a small cache of their own: a flood of forged tokens costs one signature
/// check each and cannot push a good token out.
const FORGED_CAPACITY: u64 = 10_000;
const FORGED_FOR: Duration = Duration::from_secs(10);

/// Counts the tokens that had to go because there is no room for all.
#[derive(Clone)]
struct Evictions(prometheus::IntCounter);

impl Lifecycle<Digest, Arc<Caller>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Digest, _: Arc<Caller>) {
        self.0.inc();
    }
}

/// Verifies tokens and remembers the outcome.
pub struct Verifier {
    keys: Arc<Keys>,
    good: Cache<Digest, Arc<Caller>, UnitWeighter, DefaultHashBuilder, Evictions>,
    shared: Shared,
    forged: moka::sync::Cache<Digest, ()>,
    hits: prometheus::IntCounter,
    misses: prometheus::IntCounter,
}

impl Verifier {
    /// An empty cache over `keys`.
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

    /// Who `token` speaks of.
    ///
    /// # Errors
    /// `Denial::Token` says which check failed.
    pub fn caller(&self, token: &str, rules: &Rules, now: OffsetDateTime) -> Result<Arc<Caller>, Denial> {
        let key = fingerprint(token);
        // The count is read before the keys: if any are taken away meanwhile, the outcome is not believed again.
        let judged_by = Standard::new(rules, self.keys.withdrawals());
        if let Some(caller) = self.good.get(&key).filter(|caller| caller.judged_by == judged_by) {
            self.hits.inc();
            // The cache forgets late; the token's own times decide.
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

    /// For ending a session with the token it left behind; never cached.
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
        // Concurrent first sights of one token wait for the one that verifies. What was judged by an older configuration, or
        // by a key that may be gone, is judged again.
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
        // Whoever verified it meanwhile may have found it forged: those who waited need not do it again.
        if self.forged.contains_key(&key) {
            return Err(TokenFault::BadSignature);
        }
        match check(token, &self.keys.current(), rules, now) {
            Ok(mut identity) => {
                self.shared.share(&mut identity);
                let caller = Arc::new(Caller::new(identity, judged_by));
                // An error says that the place was taken meanwhile, by whom it was is looked at when it is found.
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

    /// Lets go of tokens that have expired; nothing waits for it.
    pub fn forget_expired(&self, now: OffsetDateTime) {
        self.good
            .retain(|_, caller| caller.identity.check_times(now) != Err(TokenFault::Expired));
    }

    /// How many tokens are held, for the metric.
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

/// The cache's key: never the token itself, so that a memory dump of the cache holds nothing that signs in.
fn fingerprint(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}
