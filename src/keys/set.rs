//! Verification keys, by issuer and key id. Immutable: a change creates a new set.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Algorithm, VerifyingKey};

/// The verification keys of all issuers.
#[derive(Clone, Default, Debug)]
pub struct KeySet {
    issuers: HashMap<Box<str>, IssuerKeys>,
}

/// The keys of an issuer: public keys or a secret. With both, a token could choose the kind of key it is verified with,
/// and a public key that is used as a secret is known to everybody.
#[derive(Clone, Debug)]
enum IssuerKeys {
    Public(HashMap<Box<str>, Arc<VerifyingKey>>),
    Secret(Arc<VerifyingKey>),
}

impl IssuerKeys {
    fn of(keys: impl IntoIterator<Item = Arc<VerifyingKey>>) -> Self {
        let mut by_kid = HashMap::new();
        for key in keys {
            if key.algorithm() == Algorithm::Hs256 {
                return Self::Secret(key);
            }
            by_kid.entry(key.kid().into()).or_insert(key);
        }
        Self::Public(by_kid)
    }

    fn find(&self, kid: Option<&str>) -> Option<&Arc<VerifyingKey>> {
        match (self, kid) {
            // A secret has no key id.
            (Self::Secret(key), _) => Some(key),
            (Self::Public(keys), Some(kid)) => keys.get(kid),
            (Self::Public(keys), None) if keys.len() == 1 => keys.values().next(),
            (Self::Public(_), None) => None,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Public(keys) if keys.is_empty())
    }

    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(key), Self::Secret(there)) => there.is_same(key),
            (Self::Public(keys), Self::Public(others)) => keys
                .iter()
                .all(|(kid, key)| others.get(kid).is_some_and(|there| there.is_same(key))),
            _ => self.is_empty(),
        }
    }
}

impl KeySet {
    /// This set with the keys of `issuer` replaced by `keys`. Of two keys with one id the first one is used; a
    /// configuration or a key set that has such keys is refused or reported where it is read. A secret is the only key.
    #[must_use]
    pub fn with(&self, issuer: &str, keys: impl IntoIterator<Item = Arc<VerifyingKey>>) -> Self {
        let mut issuers = self.issuers.clone();
        issuers.insert(issuer.into(), IssuerKeys::of(keys));
        Self { issuers }
    }

    /// This set with only the issuers that `stays` names.
    #[must_use]
    pub fn only(&self, stays: impl Fn(&str) -> bool) -> Self {
        let mut issuers = self.issuers.clone();
        issuers.retain(|issuer, _| stays(issuer));
        Self { issuers }
    }

    /// Whether `other` has every key of this set, with the same id.
    pub fn is_within(&self, other: &Self) -> bool {
        let mut issuers = self.issuers.iter();
        issuers.all(|(issuer, keys)| {
            let there = other.issuers.get(issuer);
            keys.is_empty() || there.is_some_and(|there| keys.is_within(there))
        })
    }

    /// The key `kid` of `issuer`. A token without `kid` is verified only if its issuer has exactly one key: with
    /// several attempts a token could match any of them.
    pub fn find(&self, issuer: &str, kid: Option<&str>) -> Option<Arc<VerifyingKey>> {
        self.issuers.get(issuer)?.find(kid).cloned()
    }

    /// Whether `issuer` has any key.
    pub fn knows(&self, issuer: &str) -> bool {
        self.issuers.get(issuer).is_some_and(|keys| !keys.is_empty())
    }

    /// Whether there is no key at all. A process without a key is not ready.
    pub fn is_empty(&self) -> bool {
        self.issuers.values().all(IssuerKeys::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SigningKey, provider};

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
    fn a_secret_stands_alone_and_answers_to_every_name() {
        let secret = crate::secret::Secret::new("0123456789abcdef0123456789abcdef");
        let secret = Arc::new(VerifyingKey::from_secret(&secret).unwrap());
        let public = key();
        let set = KeySet::default().with("iss", [Arc::clone(&public), secret]);
        for kid in [None, Some("any"), Some(public.kid())] {
            assert_eq!(set.find("iss", kid).unwrap().algorithm(), Algorithm::Hs256);
        }
        assert!(set.find("other", None).is_none());
        assert!(set.knows("iss") && !set.is_empty());
        let changed = set.with("iss", [public]);
        assert!(!set.is_within(&changed) && !changed.is_within(&set) && set.is_within(&set));
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
