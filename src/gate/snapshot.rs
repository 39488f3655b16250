//! Everything a request may need of the configuration: immutable, and swapped whole on reload.
//!
//! `config` builds it out of the operator's file; from then on its values are already right, so that no step of the gate
//! has to ask whether a name exists or a header is legal. A request takes one snapshot and keeps it to its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ipnet::IpNet;

use super::{identity::Family, route::Table};

/// One state of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// SHA-256 of the file it was made from, to compare replicas.
    pub sha256: [u8; 32],
    /// The routes, ready to be searched.
    pub routes: Table,
    /// What is demanded of a token, by the issuer it names.
    pub issuers: HashMap<Box<str>, Arc<IssuerRules>>,
    /// The groups of servers that routes name.
    pub upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// Peers whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` are believed. Empty: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits on the form of every request.
    pub limits: RequestLimits,
    /// How old the view of revocations may be before a route's `on_stale` decides.
    pub max_lag: Duration,
    /// Header names that nobody but us may send upstream.
    pub family: Family,
    /// Claims that a policy or header names: [`super::policy::wanted_claims`] of all routes.
    pub wanted_claims: Box<[Box<str>]>,
    /// The cookie that may carry an access token, when sessions by cookie are on.
    pub session_cookie: Option<Box<str>>,
    /// Where browsers sign in, for routes with `unauthenticated: login`.
    pub login_url: Option<Box<str>>,
    /// Which requests get a line in the access log.
    pub access_log: AccessLog,
}

/// Limits on the form of a request; Pingora has none of its own below 1 MiB.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Bytes of the request line and the header fields together.
    pub header_bytes: usize,
    /// Number of header fields.
    pub headers: usize,
    /// How long a client may take to send the header block.
    pub request_header: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
}

/// What a token of one issuer must satisfy.
#[derive(Debug, Clone)]
pub struct IssuerRules {
    /// The `iss` claim, compared byte by byte (RFC 7519 section 4.1.1).
    pub issuer: Arc<str>,
    /// One of these must be among the token's `aud`.
    pub audience: Vec<Box<str>>,
    /// Algorithms that may be used with this issuer's keys; the key itself decides which one.
    pub algorithms: Vec<crate::keys::Algorithm>,
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
    Secret(crate::secret::Secret),
    /// A JWK Set behind a URL, refreshed in the background.
    Url {
        /// `https://…`, or `http://…` inside a cluster.
        url: Box<str>,
        /// How long known keys are used when the URL does not answer.
        stale_ok_for: Duration,
    },
}

/// A group of servers that answer alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    /// The servers.
    pub servers: Vec<Server>,
    /// How one is chosen.
    pub balance: Balance,
    /// Deadlines; all always set, since Pingora has none by default.
    pub timeouts: Timeouts,
    /// How often an idempotent request is tried again after a connection failed before a byte was sent.
    pub retries: usize,
    /// Active health check.
    pub health: Option<HealthCheck>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Host name or address, without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken; the certificate is verified against `host`.
    pub tls: bool,
    /// Whether HTTP/2 is spoken (over TLS by ALPN; without TLS as h2c with prior knowledge).
    pub http2: bool,
}

/// How a server is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// In turn.
    RoundRobin,
    /// By the caller's address, so that one caller stays with one server.
    ConsistentHash,
}

/// Deadlines towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// To establish a connection, TLS included.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// For one write.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path of a GET that must answer 2xx or 3xx.
    pub path: Box<str>,
    /// Time between two checks.
    pub every: Duration,
}

/// Which requests get a line.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog {
    /// Share of successful requests that are logged, 0 to 1; refusals and errors always are.
    pub sample: f64,
}
