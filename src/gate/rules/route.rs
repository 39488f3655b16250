//! What an operator says about a set of requests: what matches, who may pass, and what is sent on.

use std::sync::Arc;

use http::Method;

use super::{identity_headers::Plan, policy::Policy, rate_limit::RateLimit, spelling::Unusual};

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
