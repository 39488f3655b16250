//! `routes:`

mod matches;
pub(in super::super) mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::name::Name;
use super::super::text::one_or_many::OneOrMany;
use super::super::text::size::Size;
use super::identity_headers::IdentityHeaders;
use super::revocation::RouteRevocation;

/// A rule that says where matching requests go and who may make them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// Its name in metrics and logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub id: Option<Name>,
    /// Which requests it is for.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub matches: Option<Match>,
    /// Where they go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub upstream: Option<Name>,
    /// Who may make them: `public`, `optional`, `authenticated`, or a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub access: Option<Name>,
    /// Limits that all must leave room.
    pub rate_limits: Vec<Name>,
    /// What this route says about revocation.
    pub revocation: RouteRevocation,
    /// What someone gets who must sign in first.
    pub unauthenticated: Unauthenticated,
    /// Cut from the front of the path before it is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    /// How this application is told who is calling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_headers: Option<IdentityHeaders>,
    /// Spellings of a path that are refused elsewhere.
    pub allow: Allow,
    /// Size of a request's body. Default: `server.limits.body_bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<Size>,
    /// Whether the application sees the `Authorization` header.
    pub forward_authorization: bool,
}

/// Which requests a route is for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Host names, `*.example.com` for all below one. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<OneOrMany<String>>,
    /// Paths: `/exact`, `/below/**`. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<OneOrMany<String>>,
    /// Methods. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<OneOrMany<String>>,
}

/// What someone gets who must sign in first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unauthenticated {
    /// 401.
    #[default]
    Deny,
    /// Browsers that navigate: 303 to the login page. Others: 401.
    Login,
}

/// Spellings of a path that applications read in different ways, and that are refused unless allowed here.
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
