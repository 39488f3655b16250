//! `upstreams:`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::address::Server;
use super::super::text::duration::Duration;
use super::super::text::name::Name;
use crate::proxy::upstream::settings;

/// An application behind Sidegate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// The servers: `http://host:port`, or `https://host:port` with a certificate for `host`.
    #[schemars(extend("x-required" = true))]
    pub servers: Vec<Server>,
    /// How a server is chosen for a request.
    pub balance: Balance,
    /// The health check. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// The number of retries on another server, if nothing was sent yet, and for idempotent methods only.
    pub retries: u8,
    /// Whether to use HTTP/2, which gRPC requires. Servers with `http://` have to support it without TLS (h2c).
    pub http2: bool,
}

/// How a server is chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The same client IP goes to the same server.
    ConsistentHash,
}

/// A health check.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// The path of a GET request, to be answered with 2xx or 3xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub path: Option<String>,
    /// The interval between two checks.
    pub every: Duration,
    /// The number of consecutive successes after which an unhealthy server is used again.
    pub rise: u8,
    /// The number of consecutive failures after which a server is not used any more.
    pub fall: u8,
}

/// Timeouts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// The time to open a connection, TLS included.
    pub connect: Duration,
    /// The time between two reads.
    pub read: Duration,
    /// The time between two writes.
    pub write: Duration,
    /// How long an unused connection is kept open.
    pub idle: Duration,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            balance: Balance::RoundRobin,
            health: None,
            timeouts: Timeouts::default(),
            retries: 1,
            http2: false,
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: None,
            every: Duration::seconds(5),
            rise: 2,
            fall: 3,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::seconds(1),
            read: Duration::seconds(30),
            write: Duration::seconds(30),
            idle: Duration::seconds(60),
        }
    }
}

impl Upstream {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super) fn settle(
        &self,
        name: &Name,
        at: &KeyPath,
        findings: &mut Findings,
    ) -> Option<Arc<settings::Upstream>> {
        if self.servers.is_empty() {
            findings.add(&at.key("servers"), "expected at least one server");
        }
        for (index, server) in self.servers.iter().enumerate() {
            if self.servers[..index].contains(server) {
                findings.add(&at.key("servers").index(index), format!("{server} is listed twice"));
            }
        }
        findings.range(&at.key("retries"), self.retries.into(), 0..=10);
        let timeouts = at.key("timeouts");
        for (key, value) in [
            ("connect", self.timeouts.connect),
            ("read", self.timeouts.read),
            ("write", self.timeouts.write),
            ("idle", self.timeouts.idle),
        ] {
            findings.range_of(&timeouts.key(key), &value, &(Duration::ms(1)..=Duration::days(1)));
        }
        let health = match &self.health {
            Some(health) => Some(health.settle(&at.key("health"), findings)?),
            None => None,
        };
        Some(Arc::new(settings::Upstream {
            name: name.as_str().into(),
            servers: self
                .servers
                .iter()
                .map(|server| settings::Server {
                    host: server.host.as_str().into(),
                    port: server.port,
                    tls: server.tls,
                    http2: self.http2,
                })
                .collect(),
            balance: match self.balance {
                Balance::RoundRobin => settings::Balance::RoundRobin,
                Balance::ConsistentHash => settings::Balance::ConsistentHash,
            },
            timeouts: settings::Timeouts {
                connect: self.timeouts.connect.0,
                read: self.timeouts.read.0,
                write: self.timeouts.write.0,
                idle: self.timeouts.idle.0,
            },
            retries: self.retries.into(),
            health,
        }))
    }
}

impl Health {
    fn settle(&self, at: &KeyPath, findings: &mut Findings) -> Option<settings::HealthCheck> {
        findings.range_of(
            &at.key("every"),
            &self.every,
            &(Duration::ms(100)..=Duration::minutes(60)),
        );
        findings.range(&at.key("rise"), self.rise.into(), 1..=100);
        findings.range(&at.key("fall"), self.fall.into(), 1..=100);
        let path = findings.required(&at.key("path"), self.path.as_ref())?;
        if path.parse::<http::uri::PathAndQuery>().is_err() || !path.starts_with('/') {
            findings.expected(&at.key("path"), "a path such as /healthz", format_args!("{path:?}"));
        }
        Some(settings::HealthCheck {
            path: path.as_str().into(),
            every: self.every.0,
            rise: self.rise.into(),
            fall: self.fall.into(),
        })
    }
}
