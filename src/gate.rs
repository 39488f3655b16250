//! The decision on a proxied request: [`admit`] calls the steps in order, and each step is the file of that name.

pub mod activity;
pub mod assertion;
pub mod caller;
pub mod credentials;
pub mod denial;
pub mod explain;
pub mod identity;
pub mod identity_headers;
pub mod policy;
pub mod rate_limit;
pub mod request;
pub mod revocation;
pub mod route;
pub mod rules;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;

use std::sync::Arc;

use http::HeaderMap;
use time::OffsetDateTime;

use self::{
    assertion::Asserter,
    caller::Caller,
    denial::Denial,
    identity::Identity,
    rate_limit::Limiter,
    revocation::Revocations,
    rules::{
        Rules,
        route::{OnStale, Route},
    },
    verify::Verifier,
};
pub use self::{policy::Permit, request::Request};

/// Decides on a request. Each step needs a value that only the step before it can create, so none can be skipped or
/// swapped.
///
/// `trace` keeps what is known so far, for the log and the metrics of a refused request.
///
/// # Errors
/// The first reason to refuse it.
pub async fn admit(
    request: &Request<'_>,
    gate: &Gate,
    rules: &Rules,
    now: OffsetDateTime,
    trace: &mut Trace,
) -> Result<Permit, Denial> {
    let routed = trace.routed(route::find(request, rules)?);
    let unverified = credentials::find(routed, request, rules)?;
    let verified = trace.verified(verify::token(unverified, &gate.verifier, rules, now)?);
    let live = revocation::check(verified, &gate.revocations, rules).await?;
    let metered = rate_limit::take(live, &gate.limiter, request, now).await?;
    policy::authorize(metered, request, now)
}

/// The route of a request, without a decision: browsers send a CORS preflight without credentials.
///
/// # Errors
/// `RouteNotFound`, or why its path is malformed.
pub fn route_of(request: &Request<'_>, rules: &Rules) -> Result<Arc<Route>, Denial> {
    route::find(request, rules).map(|routed| routed.route)
}

/// What the steps need in addition to the request and the configuration.
#[derive(Debug)]
pub struct Gate {
    /// Verifies tokens.
    pub verifier: Verifier,
    /// The view of revocations, and Redis.
    pub revocations: Revocations,
    /// Takes requests from rate limits.
    pub limiter: Limiter,
    /// Signs identity assertions.
    pub asserter: Asserter,
}

/// What is known about a request when it is allowed or refused.
#[derive(Debug, Default)]
pub struct Trace {
    /// The route, if one matched.
    pub route: Option<Arc<Route>>,
    /// The caller, if the token was verified.
    pub caller: Option<Arc<Caller>>,
}

impl Trace {
    fn routed(&mut self, routed: route::Routed) -> route::Routed {
        self.route = Some(Arc::clone(&routed.route));
        routed
    }

    fn verified(&mut self, verified: verify::Verified) -> verify::Verified {
        self.caller.clone_from(&verified.caller);
        verified
    }
}

/// Authenticates a caller of `/auth`: credentials, verification and revocation as for a proxied request.
///
/// # Errors
/// The first reason to refuse it; `CredentialsMissing` without a bearer token.
pub async fn authenticate(
    headers: &HeaderMap,
    gate: &Gate,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Arc<Caller>, Denial> {
    let token = credentials::bearer(headers)?.ok_or(Denial::CredentialsMissing)?;
    let caller = gate.verifier.caller(token, rules, now)?;
    gate.revocations.check(&caller, OnStale::Check, rules).await?;
    Ok(caller)
}

/// The session of a token, even if the token has expired: signing out has to work with an expired token.
///
/// # Errors
/// `CredentialsMissing`, or why the token was not verified.
pub fn identify_even_if_expired(
    headers: &HeaderMap,
    gate: &Gate,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Identity, Denial> {
    let token = credentials::bearer(headers)?.ok_or(Denial::CredentialsMissing)?;
    gate.verifier.identity_even_if_expired(token, rules, now)
}
