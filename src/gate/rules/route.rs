//! A route: which requests it matches, who may make them, and what is forwarded.

use std::sync::Arc;

use http::Method;

use super::{cors::Cors, identity_headers::Plan, policy::Policy, rate_limit::RateLimit, spelling::Unusual};

/// A rule that matches requests.
#[derive(Debug, Clone)]
pub struct Route {
    /// The route's name in metrics and logs.
    pub id: Arc<str>,
    /// The requests that it matches.
    pub matches: Match,
    /// The upstream that its requests are forwarded to.
    pub upstream: Arc<str>,
    /// Who may make its requests.
    pub access: Access,
    /// Rate limits, in order.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// What to do while the view of revocations is too old.
    pub on_stale: OnStale,
    /// Identity headers that are sent to the application.
    pub identity: Arc<Plan>,
    /// A path prefix that is removed before the request is forwarded.
    pub strip_prefix: Option<Box<str>>,
    /// Ambiguous path spellings that are allowed.
    pub tolerated: Unusual,
    /// Whether `Authorization` and the session cookie are forwarded.
    pub forward_authorization: bool,
    /// The response to an unauthenticated browser.
    pub unauthenticated: Unauthenticated,
    /// The maximum size of a request body, in bytes.
    pub body_bytes: u64,
    /// The other origins whose pages may call it; `None`: the application decides.
    pub cors: Option<Arc<Cors>>,
}

/// The requests that a route matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// Hosts in lower case without port; `*.example.com` matches all subdomains; empty matches any.
    pub hosts: Vec<Box<str>>,
    /// `/exact`, `/one/*/segment`, `/tree/**`; empty matches any.
    pub paths: Vec<Box<str>>,
    /// Methods; empty matches any.
    pub methods: Vec<Method>,
}

/// Who may make its requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// Anybody; tokens are ignored.
    Public,
    /// Anybody; but a token, if present, has to be valid.
    Optional,
    /// Callers that the policy allows.
    Policy(Arc<Policy>),
}

/// What to do with a request while this instance's view of revocations is older than `max_lag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStale {
    /// Ask Redis about this token.
    Check,
    /// Refuse it with 503.
    Deny,
    /// Allow it by the old view.
    Allow,
}

/// The response to a browser that navigates without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// 401.
    Refuse,
    /// 303 to `auth.login_url`.
    Login,
}

/// The default maximum size of a request body, in bytes.
pub const DEFAULT_BODY_BYTES: u64 = 10 * 1024 * 1024;
