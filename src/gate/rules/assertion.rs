//! Signed identity assertions: whether a route sends them, in which header, and how long one is valid.

use std::time::Duration;

use http::HeaderName;

/// Where an application finds the keys that verify (RFC 8615). No route can have it.
pub const JWKS_PATH: &str = "/.well-known/sidegate/jwks.json";

/// The header's `typ`.
pub const TYP: &str = "sidegate-assertion+jwt";

/// Its name where the configuration gives it no other.
pub const DEFAULT_HEADER: &str = "x-sidegate-assertion";

/// How long one lives, unless the configuration says otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);

/// The longest life: what is read on the way is worth nothing after it.
pub const LONGEST_TTL: Duration = Duration::from_secs(60);

/// What a route sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionRule {
    /// In which header.
    pub header: HeaderName,
    /// How long one is good.
    pub ttl: Duration,
}
