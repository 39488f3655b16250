//! Which rule of the configuration a request falls under.
//!
//! Most specific wins: an exact host before a wildcard before none, then segment by segment a literal before `*` before
//! `**`. Paths are compared at slashes, so `/public/**` never covers `/publicity`. The table is a trie: ten thousand routes
//! cost a request no more than ten.

mod table;

use std::sync::Arc;

use http::Method;

pub use self::table::{Conflict, Table};
use super::{
    Request, denial::Denial, identity::Plan, policy::Policy, rate_limit::RateLimit, snapshot::Snapshot, target::Unusual,
};

/// A rule that matches requests.
#[derive(Debug, Clone)]
pub struct Route {
    /// Names the route in metrics and logs.
    pub id: Arc<str>,
    /// What it matches.
    pub matches: Match,
    /// Where its requests go.
    pub upstream: Arc<str>,
    /// Who may pass.
    pub access: Access,
    /// Limits that its requests draw on, in order.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// What happens while the view of revocations is too old.
    pub on_stale: OnStale,
    /// Identity headers that it sends.
    pub identity: Arc<Plan>,
    /// Cut off the front of the path before it is forwarded; matched at a slash.
    pub strip_prefix: Option<Box<str>>,
    /// Unusual spellings that its application needs.
    pub tolerated: Unusual,
    /// Whether `Authorization` and our cookie reach the upstream.
    pub forward_authorization: bool,
    /// What an unauthenticated browser sees.
    pub unauthenticated: Unauthenticated,
    /// Largest body, in bytes.
    pub body_bytes: u64,
}

/// What a route matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// Hosts in lower case without port; `*.example.com` matches every name below; empty matches any.
    pub hosts: Vec<Box<str>>,
    /// `/exact`, `/one/*/segment`, `/tree/**`; empty matches any.
    pub paths: Vec<Box<str>>,
    /// Methods; empty matches any.
    pub methods: Vec<Method>,
}

/// Who may pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// Anybody; a token is not looked at.
    Public,
    /// Anybody; but a token, if there is one, must be good.
    Optional,
    /// Callers that the policy allows.
    Policy(Arc<Policy>),
}

/// What happens to a request while this instance's view of revocations is older than `max_lag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStale {
    /// Redis is asked for this token.
    Check,
    /// It is refused with 503.
    Deny,
    /// It passes on the old view.
    Allow,
}

/// What a browser that navigates sees without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// 401.
    Refuse,
    /// 303 to the login page.
    Login,
}

/// Largest request body unless a route says otherwise.
pub const DEFAULT_BODY_BYTES: u64 = 10 * 1024 * 1024;

/// How long a route's token may be cached at most, whatever its `exp` says.
/// A request whose route is known. Only [`find`] makes one.
#[derive(Debug)]
pub struct Routed {
    pub(super) route: Arc<Route>,
}

/// Finds the route of a request.
///
/// # Errors
/// `RouteNotFound`; or `Unreadable` when the path is spelled in a way that this route does not tolerate.
pub(super) fn find(request: &Request<'_>, snapshot: &Snapshot) -> Result<Routed, Denial> {
    let table = &snapshot.routes;
    let target = &request.target;
    let route = table
        .find(request.host, target.path(), request.method)
        .ok_or(Denial::RouteNotFound)?;
    if let Some(unreadable) = target.beyond(route.tolerated) {
        return Err(unreadable.into());
    }
    // Tolerated is not trusted: if a lenient upstream would serve this as the path of another route, that route's rules
    // would be skipped (`//admin` let in by a public `/**` that tolerates double slashes).
    if let Some(lenient) = target.lenient_path() {
        let other = table.find(request.host, lenient, request.method);
        if !other.is_some_and(|other| Arc::ptr_eq(other, route)) {
            return Err(target
                .beyond(Unusual::default())
                .map_or(Denial::RouteNotFound, Denial::from));
        }
    }
    Ok(Routed {
        route: Arc::clone(route),
    })
}
