//! Evaluates the policy of the route: the last step, and the only one that creates a [`Permit`].

mod evaluate;

use std::sync::Arc;

use time::OffsetDateTime;

pub use self::evaluate::{Facts, Outcome, evaluate};
use super::{
    caller::Caller,
    denial::{Denial, LimitState},
    identity::Identity,
    rate_limit::Metered,
    request::Request,
    rules::route::{Access, Route},
};

/// The proof that a request passed every step; forwarding requires it. Only [`authorize`] creates one.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    caller: Option<Arc<Caller>>,
    limits: Vec<LimitState>,
}

impl Permit {
    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The caller; `None` if anonymous.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// The state of the route's rate limits for the caller.
    pub fn limits(&self) -> &[LimitState] {
        &self.limits
    }
}

/// Allows or denies the request.
///
/// # Errors
/// `PolicyDenied`, or `StepUpRequired` if the policy would allow the caller with a second factor.
pub(super) fn authorize(metered: Metered, request: &Request<'_>, now: OffsetDateTime) -> Result<Permit, Denial> {
    let Metered { route, caller, limits } = metered;
    match judge(&route, caller.as_deref().map(|caller| &caller.identity), request, now).and_then(Outcome::denial) {
        Some(denial) => Err(denial),
        None => Ok(Permit { route, caller, limits }),
    }
}

/// The outcome of the route's policy; `None` if it has none and allows everybody.
pub(super) fn judge(
    route: &Route,
    caller: Option<&Identity>,
    request: &Request<'_>,
    now: OffsetDateTime,
) -> Option<Outcome> {
    let Access::Policy(policy) = &route.access else {
        return None;
    };
    Some(evaluate(
        policy,
        &Facts {
            caller,
            method: request.method,
            address: request.address,
            now,
        },
    ))
}
