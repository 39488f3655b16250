//! The snapshot: everything that a request needs of the configuration, immutable, and replaced as a whole by a reload.
//!
//! `config` builds it. A request takes one snapshot and uses it until its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ipnet::IpNet;

use super::upstream::settings::Upstream;
use crate::gate::rules::{Rules, cors::Cors};

/// The rules of one version of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// The rules of the gate.
    pub rules: Rules,
    /// The upstreams.
    pub upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// The networks of peers whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The limits of every request.
    pub limits: RequestLimits,
    /// The login page, for routes with `unauthenticated: login`.
    pub login_url: Option<Box<str>>,
    /// The other origins whose pages may call Sidegate's own endpoints.
    pub cors: Option<Arc<Cors>>,
    /// The settings of the access log.
    pub access_log: AccessLog,
}

/// The limits of a request; Pingora has none of its own below 1 MiB.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// The maximum size of request line and headers together, in bytes.
    pub header_bytes: usize,
    /// The maximum number of headers.
    pub headers: usize,
    /// The timeout for receiving the headers of a request.
    pub request_header: Duration,
    /// How long a connection can be idle between requests.
    pub idle: Duration,
    /// The maximum number of client connections.
    pub connections: u32,
}

/// The settings of the access log.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog {
    /// The fraction of successful requests that is logged, 0 to 1; refusals and errors are always logged.
    pub sample: f64,
}
