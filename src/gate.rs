//! The decision on a proxied request. This is the page; each step is the file of that name.

pub mod activity;
pub mod assertion;
pub mod credentials;
pub mod denial;
pub mod explain;
pub mod identity;
pub mod policy;
pub mod rate_limit;
pub mod revocation;
pub mod route;
pub mod snapshot;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Method};
use time::OffsetDateTime;

use self::{
    assertion::Asserter,
    denial::{Denial, LimitState},
    rate_limit::Limiter,
    revocation::Revocations,
    route::{OnStale, Route},
    snapshot::Snapshot,
    target::Target,
    verify::{Identity, Verifier},
};

/// Decides on a request. Each step takes what only the step before it makes, so none can be skipped, swapped or forged.
///
/// `trace` keeps what is known so far, for the log and the metrics of a request that is refused.
///
/// # Errors
/// The first reason against it.
pub async fn admit(
    request: &Request<'_>,
    gate: &Gate,
    snapshot: &Snapshot,
    now: OffsetDateTime,
    trace: &mut Trace,
) -> Result<Permit, Denial> {
    let routed = trace.routed(route::find(request, snapshot)?);
    let unverified = credentials::find(routed, request, snapshot)?;
    let verified = trace.verified(verify::token(unverified, &gate.verifier, snapshot, now)?);
    let live = revocation::check(verified, &gate.revocations, snapshot).await?;
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

/// The proof that a request passed every step; without one there is no upstream.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    caller: Option<Arc<Identity>>,
    limits: Vec<LimitState>,
}

impl Permit {
    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Who is calling; `None`: anonymous.
    pub fn caller(&self) -> Option<&Arc<Identity>> {
        self.caller.as_ref()
    }

    /// Where the caller stands in the route's limits.
    pub fn limits(&self) -> &[LimitState] {
        &self.limits
    }
}

/// What was found out about a request before it passed or was refused.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its route.
    pub route: Option<Arc<Route>>,
    /// Whose token it carried, if that was genuine.
    pub caller: Option<Arc<Identity>>,
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
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Arc<Identity>, Denial> {
    let token = credentials::bearer(headers)?.ok_or(Denial::CredentialsMissing)?;
    let identity = gate.verifier.identity(token, snapshot, now)?;
    gate.revocations.check(&identity, OnStale::Check, snapshot).await?;
    Ok(identity)
}

/// Whose session a token names, even if the token has expired: logging out must work with what the client has left.
///
/// # Errors
/// `CredentialsMissing`, or why the token is not genuine.
pub fn identify_even_if_expired(
    headers: &HeaderMap,
    gate: &Gate,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Identity, Denial> {
    let token = credentials::bearer(headers)?.ok_or(Denial::CredentialsMissing)?;
    gate.verifier.identity_even_if_expired(token, snapshot, now)
}

/// A request as the gate sees it: plain data, already read once.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host in lower case, without port.
    pub host: &'a str,
    /// The target.
    pub target: Target<'a>,
    /// All header fields.
    pub headers: &'a HeaderMap,
    /// The caller's address, after trusted proxies.
    pub address: IpAddr,
}
