//! The servers behind us: their addresses, their health, and which one is next.
//!
//! Names are resolved in the background: a lookup on a worker thread would stop every request on it, and Pingora's own
//! `HttpPeer::new` panics on a name that does not resolve.

mod health;
pub mod settings;
pub(super) mod upgrade;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use pingora::upstreams::peer::HttpPeer;

use self::settings::{Balance, Server, Upstream};
use super::snapshot::Snapshot;
use crate::{gate::denial::Denial, metrics::Metrics};

/// How long a name may take to resolve.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);
/// How often names are resolved again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// All upstreams of the configuration in force.
#[derive(Debug)]
pub struct Upstreams {
    groups: ArcSwap<HashMap<Arc<str>, Arc<Group>>>,
    /// Tells the connections of upgrades apart.
    pub(super) upgrades: AtomicU64,
    metrics: Arc<Metrics>,
}

/// One upstream and what is known of its servers now.
#[derive(Debug)]
pub(super) struct Group {
    spec: Arc<Upstream>,
    backends: Vec<Backend>,
    turn: AtomicUsize,
    hasher: RandomState,
}

#[derive(Debug)]
struct Backend {
    server: Server,
    /// Ready to be cloned for a request; none until the name has resolved.
    peer: ArcSwapOption<HttpPeer>,
    healthy: AtomicBool,
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
}

impl Upstreams {
    /// No upstreams yet; [`Self::adopt`] brings them.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            groups: ArcSwap::default(),
            upgrades: AtomicU64::new(0),
            metrics,
        }
    }

    /// Takes over the upstreams of a configuration. Unchanged ones keep their health and addresses. Names are resolved
    /// before this returns, or have had their time.
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

    /// Keeps addresses and health fresh until the runtime ends.
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
                    tokio::spawn(async move { health::check(&group, &metrics).await });
                }
            }
        }
    }

    /// Chooses a server of `upstream` for a caller at `address`; after a failure, the one after the server that `failed`.
    ///
    /// # Errors
    /// `UpstreamUnhealthy` when none passes its check, `UpstreamUnreachable` when no name has resolved.
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
            // Whatever was reloaded meanwhile, the index is only where the search begins.
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

impl Group {
    fn new(spec: Arc<Upstream>) -> Self {
        let backends = spec.servers.iter().map(|server| Backend {
            server: server.clone(),
            peer: ArcSwapOption::empty(),
            // Until the first check says otherwise: a restart must not begin with refusals.
            healthy: AtomicBool::new(true),
        });
        Self {
            backends: backends.collect(),
            spec,
            turn: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }

    /// Rendezvous hashing: when a server leaves, only its own callers move.
    fn preferred(&self, address: IpAddr) -> usize {
        let weight = |index: &usize| self.hasher.hash_one((address, *index));
        let healthy = (0..self.backends.len()).filter(|&index| self.backends[index].healthy.load(Ordering::Relaxed));
        healthy.max_by_key(weight).unwrap_or(0)
    }

    async fn resolve(&self) {
        futures::future::join_all(self.backends.iter().map(|backend| backend.resolve(&self.spec))).await;
    }
}

impl Backend {
    async fn resolve(&self, spec: &Upstream) {
        let Server { host, port, .. } = &self.server;
        let lookup = tokio::net::lookup_host((&**host, *port));
        match tokio::time::timeout(RESOLVE_WITHIN, lookup).await {
            Ok(Ok(mut addresses)) => {
                let found: Vec<SocketAddr> = addresses.by_ref().collect();
                let current = self.peer.load();
                // An address that is still listed is kept, so that its pooled connections are.
                let kept = current
                    .as_ref()
                    .is_some_and(|peer| found.iter().any(|address| is_at(peer, *address)));
                if let (false, Some(address)) = (kept, found.first()) {
                    self.peer.store(Some(Arc::new(peer(*address, &self.server, spec))));
                }
            }
            // The last known address is better than none: a DNS outage must not become ours.
            Ok(Err(error)) => tracing::warn!(upstream = &*spec.name, %host, %error, "the name does not resolve"),
            Err(_) => tracing::warn!(upstream = &*spec.name, %host, "the name did not resolve in time"),
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
