//! The settings of upstreams.

use std::{sync::Arc, time::Duration};

/// An upstream: servers of the same application.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    /// The servers.
    pub servers: Vec<Server>,
    /// How a server is chosen.
    pub balance: Balance,
    /// Timeouts. All are always set, because Pingora has none by default.
    pub timeouts: Timeouts,
    /// The number of retries of an idempotent request if a connection failed before anything was sent.
    pub retries: usize,
    /// The health check, if there is one.
    pub health: Option<HealthCheck>,
}

/// A server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Host name or address, without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Whether to use TLS; the certificate is verified for `host`.
    pub tls: bool,
    /// Whether to use HTTP/2 (with TLS by ALPN, without TLS with prior knowledge).
    pub http2: bool,
}

/// How a server is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// By client IP, so that a client stays with one server.
    ConsistentHash,
}

/// Timeouts of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection, TLS included.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// For one write.
    pub write: Duration,
    /// How long an unused connection is kept open.
    pub idle: Duration,
}

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path of a GET request, to be answered with 2xx or 3xx.
    pub path: Box<str>,
    /// The interval between two checks.
    pub every: Duration,
    /// The number of consecutive successes after which an unhealthy server is healthy.
    pub rise: u32,
    /// The number of consecutive failures after which a healthy server is unhealthy.
    pub fall: u32,
}
