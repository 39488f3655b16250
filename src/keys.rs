//! Keys: the keys that sign this issuer's tokens, the keys that verify tokens of all issuers, and how private keys are
//! stored.
//!
//! The algorithm belongs to the key. A token can say which key it was signed with (`kid`), never how it is verified:
//! this prevents `alg: none`, and an RSA public key that is used as an HMAC secret.

mod algorithm;
mod error;
pub mod issuer;
pub mod jwk;
pub mod jwks;
pub mod key_use;
pub mod provider;
pub mod random;
pub mod remote;
pub mod reseal;
pub mod seal;
pub mod secrets;
mod set;
mod signing;
mod verifying;
mod weak;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use tokio::sync::Notify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::KeyError;
pub use jwk::JwkError;
pub use key_use::KeyUse;
pub use secrets::{KeyId, Secrets};
pub use set::KeySet;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;
pub use weak::Weakness;

/// The current keys, shared by the whole process and replaced as a whole.
///
/// A request takes one [`KeySet`] and keeps it; new keys replace the set. A verifier has no signer.
#[derive(Default)]
pub struct Keys {
    set: ArcSwap<KeySet>,
    own: ArcSwapOption<Own>,
    withdrawals: AtomicU64,
    /// The tasks that reload the keys of an issuer when a key is missing.
    reloaders: ArcSwap<HashMap<Box<str>, Arc<Notify>>>,
}

/// The issuer's own keys: the signing key, and the JWK set document that publishes the public keys.
struct Own {
    signer: Arc<SigningKey>,
    jwks: Arc<str>,
}

impl Keys {
    /// Starts with keys that do not change, such as those in the configuration.
    pub fn new(set: KeySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
            ..Self::default()
        }
    }

    /// The current verification keys.
    pub fn current(&self) -> Guard<Arc<KeySet>> {
        self.set.load()
    }

    /// The signing key; `None` on a verifier, and before the issuer has loaded its keys.
    pub fn signer(&self) -> Option<Arc<SigningKey>> {
        self.own.load().as_ref().map(|own| Arc::clone(&own.signer))
    }

    /// Whether the key with this id is the signing key. Cheaper than [`Self::signer`]: without a reference count, so
    /// that cores do not compete for its cache line.
    pub fn is_signer(&self, kid: &str) -> bool {
        self.own.load().as_ref().is_some_and(|own| own.signer.kid() == kid)
    }

    /// The published keys as a JWK set document (RFC 7517 section 5).
    pub fn jwks(&self) -> Option<Arc<str>> {
        self.own.load().as_ref().map(|own| Arc::clone(&own.jwks))
    }

    /// Replaces the verification keys of one issuer.
    pub fn replace(&self, issuer: &str, keys: &[Arc<VerifyingKey>]) {
        self.swap(|set| set.with(issuer, keys.iter().cloned()));
    }

    /// Removes the keys of all issuers that `stays` does not name.
    pub fn retain(&self, stays: impl Fn(&str) -> bool) {
        self.swap(|set| set.only(&stays));
    }

    fn swap(&self, change: impl Fn(&KeySet) -> KeySet) {
        let before = self.set.rcu(|set| change(set));
        if !before.is_within(&self.set.load()) {
            // After the new set is in place: a reader of the new count then sees the new set too.
            self.withdrawals.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The number of times that keys were removed. A token that was verified before the count changed may have been
    /// verified with a removed key: a leaked key must not stay valid in a cache.
    pub fn withdrawals(&self) -> u64 {
        self.withdrawals.load(Ordering::SeqCst)
    }

    /// Installs the issuer's own keys: `signer` signs, all `published` keys verify.
    ///
    /// The verification keys are installed first, so that no token is signed with a key that this process would refuse.
    pub fn install_own(&self, issuer: &str, signer: Arc<SigningKey>, published: &[Arc<VerifyingKey>]) {
        self.replace(issuer, published);
        let jwks = jwks::document(published.iter().map(AsRef::as_ref)).into();
        self.own.store(Some(Arc::new(Own { signer, jwks })));
    }

    /// Reports that a token of `issuer` named an unknown key. The task that reloads its keys can then reload them, with
    /// a cool-down: tokens with invented key ids must not cause a request each.
    pub fn want_reload(&self, issuer: &str) {
        if let Some(wanted) = self.reloaders.load().get(issuer) {
            wanted.notify_one();
        }
    }

    /// Wakes the task that reloads the keys of `issuer`.
    pub fn reload_wanted(&self, issuer: &str) -> Arc<Notify> {
        self.reloaders.rcu(|reloaders| {
            let mut reloaders = HashMap::clone(reloaders);
            reloaders.entry(issuer.into()).or_default();
            reloaders
        });
        Arc::clone(&self.reloaders.load()[issuer])
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("set", &self.set.load())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_read_by_its_exact_jose_name() {
        assert_eq!("ES256".parse(), Ok(Algorithm::Es256));
        for near_miss in ["es256", "none", "HS256", "ES256 ", ""] {
            assert!(near_miss.parse::<Algorithm>().is_err(), "{near_miss}");
        }
    }

    #[test]
    fn installing_own_keys_makes_them_sign_verify_and_appear_in_the_document() {
        provider::install();
        let keys = Keys::default();
        assert!(keys.signer().is_none());

        let signer = Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
        keys.install_own(
            "https://gw.test",
            Arc::clone(&signer),
            &[Arc::clone(signer.verifying_key())],
        );

        assert_eq!(keys.signer().unwrap().kid(), signer.kid());
        assert!(keys.current().find("https://gw.test", Some(signer.kid())).is_some());
        assert!(keys.jwks().unwrap().contains(signer.kid()));
    }

    #[test]
    fn replacing_one_issuers_keys_leaves_the_others() {
        provider::install();
        let keys = Keys::default();
        let [ours, theirs] = [(); 2].map(|()| SigningKey::generate(Algorithm::EdDsa).unwrap());
        keys.replace("ours", &[Arc::clone(ours.verifying_key())]);
        keys.replace("theirs", &[Arc::clone(theirs.verifying_key())]);
        keys.replace("theirs", &[]);
        assert!(keys.current().find("ours", Some(ours.kid())).is_some());
        assert!(keys.current().find("theirs", Some(theirs.kid())).is_none());
    }

    #[test]
    fn only_a_key_taken_away_counts_as_a_withdrawal() {
        provider::install();
        let keys = Keys::default();
        let [old, new] = [(); 2].map(|()| Arc::clone(SigningKey::generate(Algorithm::Es256).unwrap().verifying_key()));
        keys.replace("iss", &[Arc::clone(&old)]);
        let fetched_again = Arc::new(VerifyingKey::from_jwk(&old.to_jwk()).unwrap());
        keys.replace("iss", &[fetched_again, Arc::clone(&new)]);
        assert_eq!(keys.withdrawals(), 0, "keys were only added");
        keys.replace("iss", &[Arc::clone(&new)]);
        assert_eq!(keys.withdrawals(), 1);
        keys.retain(|issuer| issuer == "iss");
        assert_eq!(keys.withdrawals(), 1, "nobody went");
        keys.retain(|_| false);
        assert_eq!(keys.withdrawals(), 2);
        assert!(keys.current().is_empty());
    }

    #[tokio::test]
    async fn a_reloading_task_is_notified_of_unknown_keys_of_its_issuer_only() {
        let keys = Keys::default();
        let (ours, theirs) = (keys.reload_wanted("ours"), keys.reload_wanted("theirs"));
        keys.want_reload("theirs");
        keys.want_reload("nobody");
        theirs.notified().await;
        let heard = tokio::time::timeout(std::time::Duration::ZERO, ours.notified()).await;
        assert!(heard.is_err());
    }
}
