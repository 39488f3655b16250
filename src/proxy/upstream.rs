//! The servers of the applications: addresses, health, and load balancing.
//!
//! Names are resolved in the background: a lookup on a proxying thread would block all of its requests, and Pingora's
//! `HttpPeer::new` panics on a name that does not resolve.

mod group;
mod health;
pub(super) mod response;
pub mod settings;
pub(super) mod upgrade;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use pingora::upstreams::peer::HttpPeer;

use self::{
    group::Group,
    health::Checker,
    settings::{Balance, Server},
};
use super::snapshot::Snapshot;
use crate::{gate::denial::Denial, metrics::Metrics};

/// The interval at which names are resolved.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// All upstreams of the current configuration.
#[derive(Debug)]
pub struct Upstreams {
    groups: ArcSwap<HashMap<Arc<str>, Arc<Group>>>,
    /// A counter that distinguishes the connections of upgrades.
    pub(super) upgrades: AtomicU64,
    checker: Arc<Checker>,
    metrics: Arc<Metrics>,
}

/// The server chosen for a request.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    group: Arc<Group>,
    index: usize,
}

impl Choice {
    pub(super) fn name(&self) -> &str {
        &self.group.spec.name
    }

    pub(super) fn retries(&self) -> usize {
        self.group.spec.retries
    }

    /// The timeout for the next part of the response.
    pub(super) fn read_timeout(&self) -> Duration {
        self.group.spec.timeouts.read
    }

    /// Whether requests are sent to it with HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.server().http2
    }

    /// Host and port of the server, as in `Host`: the port only if it is not the default one of the scheme.
    pub(super) fn authority(&self) -> String {
        let Server { host, port, tls, .. } = self.server();
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_string()
        };
        let default = if *tls { 443 } else { 80 };
        if *port == default {
            host
        } else {
            format!("{host}:{port}")
        }
    }

    fn server(&self) -> &Server {
        &self.group.backends[self.index].server
    }
}

impl Upstreams {
    /// Without any upstream; [`Self::adopt`] adds them.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            groups: ArcSwap::default(),
            upgrades: AtomicU64::new(0),
            checker: Arc::default(),
            metrics,
        }
    }

    /// Replaces the upstreams by those of a new configuration. Unchanged ones keep their health and addresses. When
    /// this returns, names are resolved, or their lookup has timed out.
    pub async fn adopt(&self, snapshot: &Snapshot) {
        let old = self.groups.load_full();
        let groups: HashMap<_, _> = (snapshot.upstreams.iter())
            .map(|(name, spec)| {
                let kept = old.get(name).filter(|group| group.spec == *spec).cloned();
                (
                    Arc::clone(name),
                    kept.unwrap_or_else(|| Arc::new(Group::new(Arc::clone(spec)))),
                )
            })
            .collect();
        futures::future::join_all(groups.values().map(|group| group.resolve())).await;
        self.groups.store(Arc::new(groups));
    }

    /// Updates addresses and health until the runtime ends.
    pub async fn watch(self: Arc<Self>) {
        let mut due: HashMap<Arc<str>, tokio::time::Instant> = HashMap::new();
        let mut resolve_at = tokio::time::Instant::now() + RESOLVE_EVERY;
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let now = tokio::time::Instant::now();
            let groups = self.groups.load_full();
            if now >= resolve_at {
                resolve_at = now + RESOLVE_EVERY;
                futures::future::join_all(groups.values().map(|group| group.resolve())).await;
            }
            for (name, group) in groups.iter() {
                let Some(check) = &group.spec.health else { continue };
                if due.get(name).is_none_or(|at| now >= *at) {
                    due.insert(Arc::clone(name), now + check.every);
                    let (group, metrics) = (Arc::clone(group), Arc::clone(&self.metrics));
                    let checker = Arc::clone(&self.checker);
                    tokio::spawn(async move { checker.check(&group, &metrics).await });
                }
            }
        }
    }

    /// Chooses a server of `upstream` for a client IP; after a failure, the one after the server that `failed`.
    ///
    /// # Errors
    /// `UpstreamUnhealthy` if no server passes its health check, `UpstreamUnreachable` if no name was resolved.
    pub(super) fn choose(
        &self,
        upstream: &str,
        address: Option<IpAddr>,
        failed: Option<&Choice>,
    ) -> Result<(Choice, HttpPeer), Denial> {
        let groups = self.groups.load();
        let group = groups.get(upstream).ok_or(Denial::UpstreamUnreachable)?;
        let count = group.backends.len();
        let start = match (failed, group.spec.balance, address) {
            // The configuration may have been reloaded meanwhile, but the index is only where the search begins.
            (Some(failed), ..) => failed.index.wrapping_add(1),
            (None, Balance::ConsistentHash, Some(address)) => group.preferred(address),
            (None, ..) => group.turn.fetch_add(1, Ordering::Relaxed),
        };
        let mut any_healthy = false;
        for offset in 0..count {
            let index = start.wrapping_add(offset) % count;
            let backend = &group.backends[index];
            if !backend.healthy.load(Ordering::Relaxed) {
                continue;
            }
            any_healthy = true;
            if let Some(peer) = &*backend.peer.load() {
                return Ok((
                    Choice {
                        group: Arc::clone(group),
                        index,
                    },
                    HttpPeer::clone(peer),
                ));
            }
        }
        Err(if any_healthy {
            Denial::UpstreamUnreachable
        } else {
            Denial::UpstreamUnhealthy
        })
    }
}
