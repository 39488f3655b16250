//! The decision on a proxied request. This is the page; each step is the file of that name.

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

/// Decides on a request. Each step takes what only the step before it makes, so none can be skipped, swapped or forged.
///
/// `trace` keeps what is known so far, for the log and the metrics of a request that is refused.
///
/// # Errors
/// The first reason against it.
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

/// What the steps need beside the request and the configuration.
#[derive(Debug)]
pub struct Gate {
    /// Verifies tokens.
    pub verifier: Verifier,
    /// Knows what was revoked.
    pub revocations: Revocations,
    /// Counts.
    pub limiter: Limiter,
    /// Signs our word to the application.
    pub asserter: Asserter,
}

/// What was found out about a request before it passed or was refused.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its route.
    pub route: Option<Arc<Route>>,
    /// Whose token it carried, if that was genuine.
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

/// Who calls `/auth` itself: the same credential, verification and revocation as for a proxied request.
///
/// # Errors
/// The first reason against it; `CredentialsMissing` when there is no bearer token.
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

/// Whose session a token names, even if the token has expired: logging out must work with what the client has left.
///
/// # Errors
/// `CredentialsMissing`, or why the token is not genuine.
pub fn identify_even_if_expired(
    headers: &HeaderMap,
    gate: &Gate,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Identity, Denial> {
    let token = credentials::bearer(headers)?.ok_or(Denial::CredentialsMissing)?;
    gate.verifier.identity_even_if_expired(token, rules, now)
}
