//! The cache of verified tokens.

use std::{
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
    time::Duration,
};

use moka::{
    Entry,
    notification::RemovalCause,
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
    sync::Cache,
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

/// The most verified tokens in the cache; those that were not used for longest are evicted first.
const CAPACITY: u64 = 1_000_000;
/// Forged tokens are cached briefly, in a small cache of their own: a flood of them costs one signature check each and
/// cannot evict valid tokens.
const FORGED_CAPACITY: u64 = 10_000;
const FORGED_FOR: Duration = Duration::from_secs(10);

/// Verifies tokens and caches the outcome.
pub struct Verifier {
    keys: Arc<Keys>,
    /// Without a time to live, which would cost each entry a timer: the token's own times are checked at every use, and
    /// [`Self::forget_expired`] removes expired tokens.
    good: Cache<Digest, Arc<Caller>, BuildHasherDefault<FirstBytes>>,
    shared: Shared,
    /// What each forged token was verified with: after a change of keys or configuration it may be a good one.
    forged: Cache<Digest, Standard>,
    hits: prometheus::IntCounter,
    misses: prometheus::IntCounter,
}

impl Verifier {
    /// An empty cache for tokens signed with `keys`.
    pub fn new(keys: Arc<Keys>, metrics: &Metrics) -> Self {
        let evictions = metrics.cache_evictions.with_label_values(&["token"]);
        Self {
            keys,
            good: Cache::builder()
                .max_capacity(CAPACITY)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |_, _, cause| {
                    if cause == RemovalCause::Size {
                        evictions.inc();
                    }
                })
                .build_with_hasher(BuildHasherDefault::default()),
            shared: Shared::new(),
            forged: Cache::builder()
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
        if self.is_forged(&key, judged_by) {
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
        let judged = self.good.entry(key).and_try_compute_with(|known| {
            if known.is_some_and(|known| known.value().judged_by == judged_by) {
                return Ok(Op::Nop);
            }
            // The request that verified it may have found it forged: those that waited do not verify it again.
            if self.is_forged(&key, judged_by) {
                return Err(TokenFault::BadSignature);
            }
            let mut identity = check(token, &self.keys.current(), rules, now).inspect_err(|fault| {
                if *fault == TokenFault::BadSignature {
                    self.forged.insert(key, judged_by);
                }
            })?;
            self.shared.share(&mut identity);
            Ok(Op::Put(Arc::new(Caller::new(identity, judged_by))))
        });
        match judged? {
            CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) => Ok(entry.into_value()),
            CompResult::Unchanged(entry) => {
                let caller = Entry::into_value(entry);
                caller.identity.check_times(now)?;
                Ok(caller)
            }
            CompResult::StillNone(_) | CompResult::Removed(_) => unreachable!("nothing is removed here"),
        }
    }

    /// Whether the token was found forged with the current configuration and keys. Keys that were only added since change
    /// nothing: the key that the token names is still the one that did not sign it.
    fn is_forged(&self, key: &Digest, judged_by: Standard) -> bool {
        self.forged.get(key) == Some(judged_by)
    }

    /// Removes expired tokens.
    pub fn forget_expired(&self, now: OffsetDateTime) {
        for (key, caller) in &self.good {
            if caller.identity.check_times(now) == Err(TokenFault::Expired) {
                self.good.invalidate(&*key);
            }
        }
        // Otherwise the metric would count what is only marked as removed.
        self.good.run_pending_tasks();
    }

    /// The number of cached tokens, for the metric.
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

/// The key is a digest, whose bytes are a hash already: that of a token that was verified, which only its issuer can choose.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, digest: &[u8]) {
        if let Some(first) = digest.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// An array writes its length before its bytes.
    fn write_usize(&mut self, _: usize) {}
}

/// The cache key: never the token itself, so that a memory dump of the cache contains no usable token.
fn fingerprint(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}
