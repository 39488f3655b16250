//! A caller whose token was verified, as the cache of tokens keeps it.

use std::sync::{Arc, OnceLock};

use http::{HeaderName, HeaderValue};

use super::{
    activity::LastNoted,
    identity::Identity,
    identity_headers::{self, Values},
    revocation::{Fingerprints, Ids},
    rules::identity_headers::Plan,
    verify::Standard,
};

/// Identity headers, and the plan they were rendered by.
type Rendered = (Arc<Plan>, Values);

/// An identity with what this instance has worked out or noted for it. Small: a million of them are kept, and a test counts
/// the bytes.
#[derive(Debug)]
pub struct Caller {
    /// What the token says.
    pub identity: Identity,
    /// The fingerprints of token, session and user in the view of revocations.
    ids: [u64; 3],
    /// When this caller was last noted as active.
    pub(super) last_noted: LastNoted,
    /// By what the token was judged: after a reload or the withdrawal of a key it is judged again.
    pub(super) judged_by: Standard,
    rendered: OnceLock<Rendered>,
}

impl Caller {
    pub(super) fn new(identity: Identity, judged_by: Standard) -> Self {
        let fingerprints = Fingerprints::of(&Ids {
            issuer: &identity.issuer,
            jti: identity.jti(),
            session: identity.session(),
            user: Some(identity.subject()),
            key: identity.key,
            version: identity.version,
        });
        Self {
            ids: [fingerprints.token, fingerprints.session, fingerprints.user],
            identity,
            last_noted: LastNoted::default(),
            judged_by,
            rendered: OnceLock::new(),
        }
    }

    /// How the view of revocations knows this token.
    pub(super) fn fingerprints(&self) -> Fingerprints {
        let [token, session, user] = self.ids;
        Fingerprints {
            token,
            session,
            user,
            key: self.identity.key,
            version: self.identity.version,
        }
    }

    /// The identity headers of `plan`, rendered once for as long as this caller is cached.
    pub fn headers(&self, plan: &Arc<Plan>, write: &mut impl FnMut(&HeaderName, &HeaderValue)) {
        let (known, values) = self
            .rendered
            .get_or_init(|| (Arc::clone(plan), identity_headers::render(plan, &self.identity)));
        if Arc::ptr_eq(known, plan) {
            values.write(plan, write);
        } else {
            // Another route with another plan: rare enough not to be worth memory in every cached token.
            identity_headers::render(plan, &self.identity).write(plan, write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the counts of its `Arc` it fills a piece of 256 bytes; one byte more takes 320 from every cached token.
    #[test]
    fn a_caller_is_small() {
        assert!(size_of::<Caller>() <= 240, "{}", size_of::<Caller>());
    }
}
