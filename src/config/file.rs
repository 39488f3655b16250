//! The configuration file, section by section. Each section's file has its keys, their defaults, and their checks.

pub mod auth;
pub mod cors;
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

/// The configuration of Sidegate.
///
/// No key is required by serde: a key without a default is an `Option`, so that a missing key is reported together with all other
/// mistakes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Sidegate")]
pub struct File {
    /// The version of this file format: 1.
    #[schemars(extend("x-required" = true))]
    pub version: Option<u32>,
    /// Listeners, request limits, timeouts for slow clients, shutdown.
    pub server: server::Server,
    /// Connections to PostgreSQL and Redis.
    pub store: store::Store,
    /// Accounts, sign-in and tokens. Makes this instance an issuer; without it, it is a verifier: no accounts, no signing keys, no
    /// PostgreSQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<auth::Auth>,
    /// Other issuers whose tokens are accepted.
    pub issuers: Vec<issuers::Issuer>,
    /// How old this instance's view of revocations may be.
    pub revocation: revocation::Revocation,
    /// The headers that tell the application who is calling.
    pub identity_headers: identity_headers::IdentityHeaders,
    /// The applications behind Sidegate, by name.
    pub upstreams: BTreeMap<Name, upstreams::Upstream>,
    /// Named lists of rules. The first rule that matches decides; no match denies.
    pub policies: BTreeMap<Name, Vec<policies::Rule>>,
    /// Rate limits, by the name that routes use.
    pub rate_limits: BTreeMap<Name, rate_limits::RateLimit>,
    /// Routes: which requests go to which upstream, and who may make them. The most specific match wins.
    pub routes: Vec<routes::Route>,
    /// Logging.
    pub observability: observability::Observability,
}

impl File {
    /// The file with its defaults filled in. Secrets print as `[redacted]`, or as the variable or file they come from.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("these types hold nothing that YAML cannot write")
    }
}
