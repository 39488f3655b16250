//! `server:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::internet;
use super::super::path::KeyPath;
use super::super::text::address::{ListenAddress, Network, Url};
use super::super::text::duration::Duration;
use super::super::text::size::Size;
use super::cors::Cors;

/// Listeners, request limits, timeouts for slow clients, shutdown.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address for `/auth` and the proxied routes.
    pub listen: ListenAddress,
    /// The address for /metrics, /livez, /readyz and reloads. Never expose it.
    pub admin: ListenAddress,
    /// The URL by which clients reach this instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// The networks of proxies whose `X-Forwarded-*` headers are trusted. Default: none.
    pub trusted_proxies: Vec<Network>,
    /// Other origins whose pages may call Sidegate's own endpoints in a browser. Routes have a `cors` of their own. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Whether `trusted_proxies` can contain most of the internet. Then every client chooses the IP it seems to have.
    pub trust_everyone: bool,
    /// Limits and timeouts of client requests.
    pub limits: Limits,
    /// How an instance stops after SIGTERM.
    pub shutdown: Shutdown,
    /// The number of proxying threads. Default: one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u16>,
}

/// Limits and timeouts of client requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The maximum size of request line and headers together.
    pub header_bytes: Size,
    /// The maximum number of headers.
    pub headers: u16,
    /// How long a connection can be idle between requests.
    pub idle: Duration,
    /// The timeout for receiving the headers of a request.
    pub request_header: Duration,
    /// The maximum size of a request body. A route can differ.
    pub body_bytes: Size,
    /// The maximum number of client connections; more are closed at once. Each takes 8 KiB while it is idle, and file
    /// descriptors can allow fewer (docs/operations.md).
    pub connections: u32,
}

/// How an instance stops after SIGTERM.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// How long to continue accepting requests after SIGTERM, while load balancers notice that the instance is not ready.
    pub drain_delay: Duration,
    /// The time after SIGTERM at which the process ends at the latest.
    pub grace_period: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: ListenAddress(([0, 0, 0, 0], 8080).into()),
            admin: ListenAddress(([127, 0, 0, 1], 9901).into()),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors: None,
            trust_everyone: false,
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
            connections: 10_000,
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
        for (key, address) in [("listen", self.listen), ("admin", self.admin)] {
            // With port 0 the system chooses a port, which no client, probe or scraper would know.
            if address.0.port() == 0 {
                findings.expected(&at.key(key), "a port from 1 to 65535", address);
            }
        }
        if self.listen.0 == self.admin.0 {
            findings.add(
                &at.key("admin"),
                "is the same address as server.listen: metrics would be public",
            );
        }
        let networks: Vec<_> = self.trusted_proxies.iter().map(|network| network.0).collect();
        match (internet::is_half_of_it(&networks), self.trust_everyone) {
            (true, false) => findings.add(
                &at.key("trusted_proxies"),
                "contains half of all addresses or more, so that clients choose the IP they seem to have: expected the \
                 networks of your proxies, or `trust_everyone: true` where no client can reach this listener directly",
            ),
            (false, true) => findings.warn(
                &at.key("trust_everyone"),
                "has no effect: trusted_proxies contains less than half of all addresses",
            ),
            _ => {}
        }
        if let Some(threads) = self.threads {
            findings.range(&at.key("threads"), threads.into(), 1..=1024);
        }
        let limits = at.key("limits");
        // Pingora's own limits are 1 MiB and 256 headers, compiled in: higher ones would have no effect.
        findings.range_of(
            &limits.key("header_bytes"),
            &self.limits.header_bytes,
            &(Size::kib(1)..=Size::kib(1023)),
        );
        findings.range(&limits.key("headers"), self.limits.headers.into(), 1..=256);
        findings.range(
            &limits.key("connections"),
            self.limits.connections.into(),
            1..=10_000_000,
        );
        let timeout = Duration::seconds(1)..=Duration::days(1);
        findings.range_of(&limits.key("idle"), &self.limits.idle, &timeout);
        findings.range_of(&limits.key("request_header"), &self.limits.request_header, &timeout);
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
