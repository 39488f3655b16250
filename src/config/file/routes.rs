//! `routes:`

mod matches;
pub(in super::super) mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::name::Name;
use super::super::text::one_or_many::OneOrMany;
use super::super::text::size::Size;
use super::cors::Cors;
use super::identity_headers::IdentityHeaders;
use super::revocation::RouteRevocation;

/// A rule for matching requests: the upstream they go to, and who may make them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// The route's name in metrics and logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub id: Option<Name>,
    /// The requests that the route matches.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub matches: Option<Match>,
    /// The upstream that requests are forwarded to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub upstream: Option<Name>,
    /// Who may make requests: `public`, `optional`, `authenticated`, or the name of a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub access: Option<Name>,
    /// Rate limits; a request has to be within all of them.
    pub rate_limits: Vec<Name>,
    /// Revocation settings of this route.
    pub revocation: RouteRevocation,
    /// The response to a request that needs a sign-in.
    pub unauthenticated: Unauthenticated,
    /// A path prefix that is removed before the request is forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    /// Identity headers of this route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_headers: Option<IdentityHeaders>,
    /// Ambiguous path spellings to allow.
    pub allow: Allow,
    /// The maximum size of a request body. Default: `server.limits.body_bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<Size>,
    /// Whether the `Authorization` header is forwarded to the application.
    pub forward_authorization: bool,
    /// Other origins whose pages may call this route in a browser. Default: the application decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// The requests that a route matches. At least one key is required.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Host names; `*.example.com` matches all subdomains. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<OneOrMany<String>>,
    /// Paths, such as `/exact` or `/prefix/**`. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<OneOrMany<String>>,
    /// HTTP methods. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<OneOrMany<String>>,
}

/// The response to a request that needs a sign-in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unauthenticated {
    /// 401.
    #[default]
    Deny,
    /// 303 to `auth.login_url` for a browser that navigates, 401 for others.
    Login,
}

/// Path spellings that applications interpret in different ways, and that are refused unless allowed here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// `%2F`.
    pub encoded_slash: bool,
    /// `;` parameters.
    pub semicolon: bool,
    /// `//`.
    pub double_slash: bool,
}
