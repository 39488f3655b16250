//! Whether this caller may do this: the last step, and the only one that makes a [`Permit`].

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

/// The proof that a request passed every step; without one there is no upstream. Only [`authorize`] makes one.
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

    /// Who is calling; `None`: anonymous.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// Where the caller stands in the route's limits.
    pub fn limits(&self) -> &[LimitState] {
        &self.limits
    }
}

/// Lets the caller pass, or not.
///
/// # Errors
/// `PolicyDenied`, or `StepUpRequired` when a second factor would help.
pub(super) fn authorize(metered: Metered, request: &Request<'_>, now: OffsetDateTime) -> Result<Permit, Denial> {
    let Metered { route, caller, limits } = metered;
    match judge(&route, caller.as_deref().map(|caller| &caller.identity), request, now).and_then(Outcome::denial) {
        Some(denial) => Err(denial),
        None => Ok(Permit { route, caller, limits }),
    }
}

/// What the policy of the route says; `None`: it has none, and anybody may pass.
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
