//! `server:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::address::{ListenAddress, Network, Url};
use super::super::text::duration::Duration;
use super::super::text::size::Size;

/// Where Sidegate listens and how patient it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address of `/auth` and the proxied routes.
    pub listen: ListenAddress,
    /// Address of /metrics, /livez, /readyz. Never expose it.
    pub admin: ListenAddress,
    /// How clients reach this instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// Whose `X-Forwarded-*` headers are believed. Default: nobody's.
    pub trusted_proxies: Vec<Network>,
    /// What a client may send, and how slowly.
    pub limits: Limits,
    /// How an instance goes away.
    pub shutdown: Shutdown,
    /// Threads that proxy. Default: one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u16>,
}

/// What a client may send, and how slowly.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Size of the request line and all headers together.
    pub header_bytes: Size,
    /// Number of headers.
    pub headers: u16,
    /// How long a connection may be silent between requests.
    pub idle: Duration,
    /// How long the headers of a request may take.
    pub request_header: Duration,
    /// Size of a request's body; a route may differ.
    pub body_bytes: Size,
}

/// How an instance goes away.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// After SIGTERM: how long to go on accepting while load balancers take notice.
    pub drain_delay: Duration,
    /// After SIGTERM: when to be gone at the latest.
    pub grace_period: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: ListenAddress(([0, 0, 0, 0], 8080).into()),
            admin: ListenAddress(([127, 0, 0, 1], 9901).into()),
            public_url: None,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            shutdown: Shutdown::default(),
            threads: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: Size::kib(16),
            headers: 100,
            idle: Duration::seconds(60),
            request_header: Duration::seconds(10),
            body_bytes: Size::mib(10),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            drain_delay: Duration::seconds(5),
            grace_period: Duration::seconds(20),
        }
    }
}

impl Server {
    pub(in super::super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        if self.listen.0 == self.admin.0 && self.listen.0.port() != 0 {
            findings.add(
                &at.key("admin"),
                "is the same address as server.listen: metrics would be public",
            );
        }
        if let Some(threads) = self.threads {
            findings.range(&at.key("threads"), threads.into(), 1..=1024);
        }
        let limits = at.key("limits");
        // Pingora's own limits are 1 MiB and 256 headers, compiled in; above them ours would not be the ones that hold.
        findings.range_of(
            &limits.key("header_bytes"),
            &self.limits.header_bytes,
            &(Size::kib(1)..=Size::kib(1023)),
        );
        findings.range(&limits.key("headers"), self.limits.headers.into(), 1..=256);
        let patience = Duration::seconds(1)..=Duration::days(1);
        findings.range_of(&limits.key("idle"), &self.limits.idle, &patience);
        findings.range_of(&limits.key("request_header"), &self.limits.request_header, &patience);
        if self.shutdown.drain_delay >= self.shutdown.grace_period {
            findings.add(
                &at.key("shutdown").key("drain_delay"),
                format!(
                    "expected less than grace_period ({}), got {}: nothing would have time to finish",
                    self.shutdown.grace_period, self.shutdown.drain_delay
                ),
            );
        }
    }
}
