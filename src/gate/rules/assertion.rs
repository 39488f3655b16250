//! Signed identity assertions: whether a route sends them, in which header, and how long one is valid.

use std::time::Duration;

use http::HeaderName;

/// The path of the public keys for applications (RFC 8615). No route can match it.
pub const JWKS_PATH: &str = "/.well-known/sidegate/jwks.json";

/// The `typ` of an assertion.
pub const TYP: &str = "sidegate-assertion+jwt";

/// The default name of the header.
pub const DEFAULT_HEADER: &str = "x-sidegate-assertion";

/// The default lifetime.
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);

/// The longest lifetime: a copied assertion is useless after it.
pub const LONGEST_TTL: Duration = Duration::from_secs(60);

/// The assertion settings of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionRule {
    /// The name of the header.
    pub header: HeaderName,
    /// The lifetime of an assertion.
    pub ttl: Duration,
}
