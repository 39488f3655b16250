//! What an operator writes, section by section. A file per section holds its keys, their defaults, and what they become.

pub mod auth;
pub mod identity_headers;
pub mod issuers;
mod methods;
pub mod observability;
pub mod policies;
pub mod rate_limits;
pub mod revocation;
pub mod routes;
pub mod server;
pub mod store;
pub mod upstreams;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::name::Name;

/// The configuration of Sidegate, as it is written.
///
/// Nothing here is required by serde: what has no default is an `Option`, so that a missing key is found together with all other
/// problems and does not hide them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Sidegate")]
pub struct File {
    /// The form of this file: 1.
    #[schemars(extend("x-required" = true))]
    pub version: Option<u32>,
    /// Where Sidegate listens and how patient it is.
    pub server: server::Server,
    /// PostgreSQL and Redis.
    pub store: store::Store,
    /// Makes this instance an issuer. Without it, it is a verifier: no accounts, no signing keys, no PostgreSQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<auth::Auth>,
    /// Whose tokens are accepted besides our own.
    pub issuers: Vec<issuers::Issuer>,
    /// How fresh the view of revocations must be.
    pub revocation: revocation::Revocation,
    /// How the application is told who is calling.
    pub identity_headers: identity_headers::IdentityHeaders,
    /// The applications behind Sidegate, by name.
    pub upstreams: BTreeMap<Name, upstreams::Upstream>,
    /// Named lists of rules; the first that matches decides, no match denies.
    pub policies: BTreeMap<Name, Vec<policies::Rule>>,
    /// Named limits that routes refer to.
    pub rate_limits: BTreeMap<Name, rate_limits::RateLimit>,
    /// Which requests go where, and who may make them. The most specific match wins.
    pub routes: Vec<routes::Route>,
    /// Logs.
    pub observability: observability::Observability,
}

impl File {
    /// The file with its defaults filled in. Secrets are written as `[redacted]`, or as the variable or file they come from.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("these types hold nothing that YAML cannot write")
    }
}
