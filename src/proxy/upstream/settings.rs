//! Groups of servers, as the configuration describes them.

use std::{sync::Arc, time::Duration};

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
