//! Lists of names that many callers have, stored once: a million tokens can have `["staff", "wiki"]`.

use quick_cache::sync::Cache;

use crate::gate::identity::{Identity, Words};

/// The most different lists that are stored; beyond that each caller has its own.
const LISTS: usize = 10_000;

/// The stored lists.
pub(super) struct Shared(Cache<Words, Words>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Cache::new(LISTS))
    }

    /// Replaces the lists of `identity` with equal ones that are stored.
    pub(super) fn share(&self, identity: &mut Identity) {
        for words in [&mut identity.roles, &mut identity.scopes, &mut identity.permissions] {
            if let Some(known) = self.0.get(&*words) {
                *words = known;
            } else {
                self.0.insert(words.clone(), words.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn equal_lists_become_one_and_different_ones_stay_apart() {
        let shared = Shared::new();
        let one: Words = Arc::new(["staff".into(), "wiki".into()]);
        let (equal, other): (Words, Words) = (
            Arc::new(["staff".into(), "wiki".into()]),
            Arc::new(["staff,wiki".into()]),
        );
        shared.0.insert(one.clone(), one.clone());
        assert!(Arc::ptr_eq(&shared.0.get(&equal).unwrap(), &one));
        assert!(shared.0.get(&other).is_none());
    }
}
