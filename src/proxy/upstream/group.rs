//! The servers of one upstream: their addresses and their health.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use pingora::upstreams::peer::HttpPeer;

use super::settings::{HealthCheck, Server, Upstream};

/// The timeout of a DNS lookup.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);

/// An upstream, and the current state of its servers.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) spec: Arc<Upstream>,
    pub(super) backends: Vec<Backend>,
    pub(super) turn: AtomicUsize,
    hasher: RandomState,
}

/// A server of an upstream, and its current state.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) server: Server,
    /// The peer to clone for a request; `None` until the name was resolved.
    pub(super) peer: ArcSwapOption<HttpPeer>,
    pub(super) healthy: AtomicBool,
    /// The number of consecutive checks whose outcome was the other one.
    contradictions: AtomicU32,
}

impl Group {
    pub(super) fn new(spec: Arc<Upstream>) -> Self {
        let backends = spec.servers.iter().map(|server| Backend {
            server: server.clone(),
            peer: ArcSwapOption::empty(),
            // Healthy until the first check: a restart must not begin with refusals.
            healthy: AtomicBool::new(true),
            contradictions: AtomicU32::new(0),
        });
        Self {
            backends: backends.collect(),
            spec,
            turn: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }

    /// Rendezvous hashing: when a server is removed, only its own clients move.
    pub(super) fn preferred(&self, address: IpAddr) -> usize {
        let weight = |index: &usize| self.hasher.hash_one((address, *index));
        let healthy = (0..self.backends.len()).filter(|&index| self.backends[index].healthy.load(Ordering::Relaxed));
        healthy.max_by_key(weight).unwrap_or(0)
    }

    /// Resolves the names of all servers.
    pub(super) async fn resolve(&self) {
        futures::future::join_all(self.backends.iter().map(|backend| backend.resolve(&self.spec))).await;
    }
}

impl Backend {
    /// Whether the server is healthy after a check: one lost packet must not take it out of service, and one good
    /// answer while it restarts must not put it back.
    pub(super) fn checked(&self, passed: bool, check: &HealthCheck) -> bool {
        let healthy = self.healthy.load(Ordering::Relaxed);
        if passed == healthy {
            self.contradictions.store(0, Ordering::Relaxed);
            return healthy;
        }
        let contradictions = self.contradictions.fetch_add(1, Ordering::Relaxed) + 1;
        if contradictions < if healthy { check.fall } else { check.rise } {
            return healthy;
        }
        self.contradictions.store(0, Ordering::Relaxed);
        passed
    }

    async fn resolve(&self, spec: &Upstream) {
        let Server { host, port, .. } = &self.server;
        let lookup = tokio::net::lookup_host((&**host, *port));
        match tokio::time::timeout(RESOLVE_WITHIN, lookup).await {
            Ok(Ok(mut addresses)) => {
                let found: Vec<SocketAddr> = addresses.by_ref().collect();
                let current = self.peer.load();
                // An address that is still listed is kept, so that its pooled connections can be used.
                let kept = current
                    .as_ref()
                    .is_some_and(|peer| found.iter().any(|address| is_at(peer, *address)));
                if let (false, Some(address)) = (kept, found.first()) {
                    self.peer.store(Some(Arc::new(peer(*address, &self.server, spec))));
                }
            }
            // The last known address is kept: an outage of DNS must not become an outage of the application.
            Ok(Err(error)) => {
                tracing::warn!(upstream = &*spec.name, %host, %error, "the name of an upstream server could not be resolved");
            }
            Err(_) => {
                tracing::warn!(upstream = &*spec.name, %host, "the name of an upstream server could not be resolved in time");
            }
        }
    }
}

fn is_at(peer: &HttpPeer, address: SocketAddr) -> bool {
    peer._address.as_inet() == Some(&address)
}

fn peer(address: SocketAddr, server: &Server, spec: &Upstream) -> HttpPeer {
    // With TLS the name is never empty: Pingora takes an empty one as "do not verify".
    let mut peer = HttpPeer::new(address, server.tls, server.host.to_string());
    let options = &mut peer.options;
    options.connection_timeout = Some(spec.timeouts.connect);
    options.total_connection_timeout = Some(spec.timeouts.connect);
    options.read_timeout = Some(spec.timeouts.read);
    options.write_timeout = Some(spec.timeouts.write);
    options.idle_timeout = Some(spec.timeouts.idle);
    if server.http2 {
        options.set_http_version(2, 2);
        options.max_h2_streams = 100;
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(checks: &str) -> String {
        let server = Server {
            host: "a".into(),
            port: 1,
            tls: false,
            http2: false,
        };
        let backend = Backend {
            server,
            peer: ArcSwapOption::empty(),
            healthy: AtomicBool::new(true),
            contradictions: AtomicU32::new(0),
        };
        let check = HealthCheck {
            path: "/".into(),
            every: Duration::from_secs(1),
            rise: 2,
            fall: 3,
        };
        let outcome = |passed| {
            let healthy = backend.checked(passed == '+', &check);
            backend.healthy.store(healthy, Ordering::Relaxed);
            if healthy { '+' } else { '-' }
        };
        checks.chars().map(outcome).collect()
    }

    #[test]
    fn a_server_falls_after_three_failures_in_a_row_and_rises_after_two_successes_in_a_row() {
        assert_eq!(outcomes("+--+--+---"), "+++++++++-");
        assert_eq!(outcomes("---+-+-++-"), "++------++");
    }
}
