//! Lists of names that many callers have, stored once: a million tokens can have `["staff", "wiki"]`.

use moka::sync::Cache;

use crate::gate::identity::{Identity, StringList};

/// The most different lists that are stored; beyond that each caller has its own.
const LISTS: u64 = 10_000;

/// The stored lists.
pub(super) struct Shared(Cache<StringList, StringList>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Cache::new(LISTS))
    }

    /// Replaces the lists of `identity` with equal ones that are stored.
    pub(super) fn share(&self, identity: &mut Identity) {
        for words in [&mut identity.roles, &mut identity.scopes, &mut identity.permissions] {
            *words = self.0.get_with_by_ref(words, || words.clone());
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
        let one: StringList = Arc::new(["staff".into(), "wiki".into()]);
        let (equal, other): (StringList, StringList) = (
            Arc::new(["staff".into(), "wiki".into()]),
            Arc::new(["staff,wiki".into()]),
        );
        shared.0.insert(one.clone(), one.clone());
        assert!(Arc::ptr_eq(&shared.0.get(&equal).unwrap(), &one));
        assert!(shared.0.get(&other).is_none());
    }
}
