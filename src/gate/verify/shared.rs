//! Lists of words that many callers have, each kept once: a million tokens say `["staff", "wiki"]`.

use quick_cache::sync::Cache;

use crate::gate::identity::{Identity, Words};

/// More different lists than this are not worth remembering: then each caller has its own.
const LISTS: usize = 10_000;

/// The lists that were seen.
pub(super) struct Shared(Cache<Words, Words>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Cache::new(LISTS))
    }

    /// Gives `identity` the lists that are here already in place of its own.
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
