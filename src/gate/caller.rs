//! A caller whose token was verified, as it is stored in the token cache.

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

/// Rendered identity headers, and the plan they were rendered for.
type Rendered = (Arc<Plan>, Values);

/// An identity with what this instance has computed or recorded for it. Small, because a million of them are cached; a
/// test counts the bytes.
#[derive(Debug)]
pub struct Caller {
    /// The identity in the token.
    pub identity: Identity,
    /// The fingerprints of token, session and user in the revocation view.
    ids: [u64; 3],
    /// When an activity event was last recorded.
    pub(super) last_noted: LastNoted,
    /// The configuration and keys that the token was verified with. After a reload, or after a key was retired, it is
    /// verified again.
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

    /// The fingerprints of the token in the view of revocations.
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

    /// The identity headers of `plan`, rendered once while this caller is cached.
    pub fn headers(&self, plan: &Arc<Plan>, write: &mut impl FnMut(&HeaderName, &HeaderValue)) {
        let (known, values) = self
            .rendered
            .get_or_init(|| (Arc::clone(plan), identity_headers::render(plan, &self.identity)));
        if Arc::ptr_eq(known, plan) {
            values.write(plan, write);
        } else {
            // Another route with another plan: too rare to use memory in every cached token for it.
            identity_headers::render(plan, &self.identity).write(plan, write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the counts of its `Arc` it fills an allocation of 256 bytes; with one byte more each cached token would
    /// take 320.
    #[test]
    fn a_caller_is_small() {
        assert!(size_of::<Caller>() <= 240, "{}", size_of::<Caller>());
    }
}
