//! The keys that verify, by issuer and name. Immutable: a change makes a new set.

use std::collections::HashMap;
use std::sync::Arc;

use super::VerifyingKey;

/// Which key verifies a token of which issuer.
#[derive(Clone, Default, Debug)]
pub struct KeySet {
    issuers: HashMap<Box<str>, IssuerKeys>,
}

#[derive(Clone, Default, Debug)]
struct IssuerKeys {
    by_kid: HashMap<Box<str>, Arc<VerifyingKey>>,
}

impl KeySet {
    /// This set with `issuer`'s keys replaced by `keys`. Two keys of one name: the later stays.
    #[must_use]
    pub fn with(&self, issuer: &str, keys: impl IntoIterator<Item = Arc<VerifyingKey>>) -> Self {
        let by_kid = keys.into_iter().map(|key| (key.kid().into(), key)).collect();
        let mut issuers = self.issuers.clone();
        issuers.insert(issuer.into(), IssuerKeys { by_kid });
        Self { issuers }
    }

    /// This set without the issuers that `stays` does not name.
    #[must_use]
    pub fn only(&self, stays: impl Fn(&str) -> bool) -> Self {
        let mut issuers = self.issuers.clone();
        issuers.retain(|issuer, _| stays(issuer));
        Self { issuers }
    }

    /// Whether every key of this set is in `other`, too, as the same key under the same name.
    pub fn is_within(&self, other: &Self) -> bool {
        self.issuers.iter().all(|(issuer, keys)| {
            keys.by_kid.values().all(|key| {
                let there = other.issuers.get(issuer).and_then(|keys| keys.by_kid.get(key.kid()));
                there.is_some_and(|there| there.is_same(key))
            })
        })
    }

    /// The key that `issuer` calls `kid`. A token without `kid` is verified only if its issuer has exactly one key:
    /// trying several would let a token choose by luck.
    pub fn find(&self, issuer: &str, kid: Option<&str>) -> Option<Arc<VerifyingKey>> {
        let keys = &self.issuers.get(issuer)?.by_kid;
        match kid {
            Some(kid) => keys.get(kid).cloned(),
            None if keys.len() == 1 => keys.values().next().cloned(),
            None => None,
        }
    }

    /// Whether any key of `issuer` is known.
    pub fn knows(&self, issuer: &str) -> bool {
        self.issuers.get(issuer).is_some_and(|keys| !keys.by_kid.is_empty())
    }

    /// Whether there is no key at all; a process without one is not ready.
    pub fn is_empty(&self) -> bool {
        self.issuers.values().all(|keys| keys.by_kid.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, SigningKey, provider};

    fn key() -> Arc<VerifyingKey> {
        provider::install();
        Arc::clone(SigningKey::generate(Algorithm::Es256).unwrap().verifying_key())
    }

    #[test]
    fn a_key_is_found_by_issuer_and_name_together() {
        let (a, b) = (key(), key());
        let set = KeySet::default()
            .with("https://a.test", [Arc::clone(&a)])
            .with("https://b.test", [Arc::clone(&b)]);
        assert!(set.find("https://a.test", Some(a.kid())).is_some());
        assert!(
            set.find("https://b.test", Some(a.kid())).is_none(),
            "another issuer's key"
        );
        assert!(
            set.find("https://a.test/", Some(a.kid())).is_none(),
            "issuers are compared exactly"
        );
        assert!(!set.is_empty() && set.knows("https://a.test") && !set.knows("https://c.test"));
    }

    #[test]
    fn a_token_without_kid_needs_an_issuer_with_one_key() {
        let (a, b) = (key(), key());
        let one = KeySet::default().with("iss", [Arc::clone(&a)]);
        assert!(one.find("iss", None).is_some());
        assert!(one.with("iss", [a, b]).find("iss", None).is_none());
        assert!(KeySet::default().with("iss", []).is_empty());
    }
}
