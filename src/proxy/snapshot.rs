//! Everything a request may need of the configuration: immutable, and swapped whole on reload.
//!
//! `config` builds it out of the operator's file. A request takes one snapshot and keeps it to its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ipnet::IpNet;

use super::upstream::settings::Upstream;
use crate::gate::rules::Rules;

/// One state of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// By what the gate decides.
    pub rules: Rules,
    /// The groups of servers that routes name.
    pub upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// Peers whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` are believed. Empty: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits on the form of every request.
    pub limits: RequestLimits,
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

/// Which requests get a line.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog {
    /// Share of successful requests that are logged, 0 to 1; refusals and errors always are.
    pub sample: f64,
}
