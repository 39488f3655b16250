//! What a token must satisfy, by the issuer that it names.

use std::{sync::Arc, time::Duration};

use crate::{keys::Algorithm, secret::Secret};

/// What a token of one issuer must satisfy.
#[derive(Debug, Clone)]
pub struct IssuerRules {
    /// The `iss` claim, compared byte by byte (RFC 7519 section 4.1.1).
    pub issuer: Arc<str>,
    /// One of these must be among the token's `aud`.
    pub audience: Vec<Box<str>>,
    /// Algorithms that may be used with this issuer's keys; the key itself decides which one.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// The `typ` header a token must have (`at+jwt` for our own, RFC 9068 section 2.1); `None` accepts any but known others.
    pub typ: Option<Box<str>>,
    /// Where this issuer keeps what we call roles, and so on.
    pub claims: ClaimNames,
    /// Where its public keys come from.
    pub keys: KeySource,
}

/// Our name for a claim → the issuer's name for it.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// Roles: a list of strings.
    pub roles: Box<str>,
    /// Scopes: a space-separated string or a list.
    pub scope: Box<str>,
    /// Permissions: a list of strings.
    pub permissions: Box<str>,
    /// Email address.
    pub email: Box<str>,
    /// Name to show.
    pub preferred_username: Box<str>,
    /// Session.
    pub sid: Box<str>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            roles: "roles".into(),
            scope: "scope".into(),
            permissions: "permissions".into(),
            email: "email".into(),
            preferred_username: "preferred_username".into(),
            sid: "sid".into(),
        }
    }
}

/// Where public keys come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// This instance's own signing keys.
    Own,
    /// A JWK Set in the configuration itself (RFC 7517 section 5), as JSON.
    Inline(serde_json::Value),
    /// A secret shared with the issuer, for HS256.
    Secret(Secret),
    /// A JWK Set behind a URL, refreshed in the background.
    Url {
        /// `https://…`, or `http://…` inside a cluster.
        url: Box<str>,
        /// How long known keys are used when the URL does not answer.
        stale_ok_for: Duration,
    },
}
