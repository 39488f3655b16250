//! The parts that all others of a running process share.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::error::AppError;
use super::revocations::{ledger::Ledger, parts::Parts, publisher::Publisher};
use crate::{
    admin::Readiness,
    clock,
    config::{Boot, Feed},
    gate::revocation::View,
    keys::{Keys, remote::Refreshers},
    log::Log,
    metrics::Metrics,
    proxy::{Upstreams, snapshot::Snapshot},
    store::redis::Redis,
};

/// The parts that all others share.
pub(crate) struct Shared {
    pub(crate) boot: Boot,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
    pub(crate) keys: Arc<Keys>,
    pub(crate) refreshers: Refreshers,
    pub(crate) redis: Redis,
    pub(crate) view: Arc<View>,
    /// The ledger of the outbox and the feed; `None` on a verifier.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Publishes what the feed lacks, once the issuer is ready.
    pub(crate) publisher: OnceLock<Arc<Publisher>>,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) readiness: Arc<Readiness>,
}

impl Shared {
    /// Builds the shared parts. Must be called inside a runtime, which the connections belong to.
    pub(super) fn new(boot: Boot, snapshot: Snapshot, metrics: Arc<Metrics>, log: Log) -> Result<Self, AppError> {
        let keys = Arc::<Keys>::default();
        Ok(Self {
            redis: Redis::connect(&boot.redis, &metrics)?,
            refreshers: Refreshers::new(Arc::clone(&keys), Arc::clone(&metrics), clock::now),
            keys,
            view: Arc::new(match boot.revocation_feed {
                Feed::Redis => View::default(),
                Feed::None => View::of_no_feed(),
            }),
            ledger: boot.auth.is_some().then(Arc::default),
            publisher: OnceLock::new(),
            upstreams: Arc::new(Upstreams::new(Arc::clone(&metrics))),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            readiness: Arc::default(),
            metrics,
            log,
            boot,
        })
    }

    /// The parts that the revocation loops share.
    pub(super) fn revocation_parts(&self) -> Parts {
        Parts {
            redis: self.redis.clone(),
            view: Arc::clone(&self.view),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// The end of an issuer: publishes what it committed, or logs that it could not.
    pub(super) fn finish(&self) {
        if let Some(publisher) = self.publisher.get() {
            publisher.finish();
        }
    }

    /// Ends the process after an error that must not be served with: a wrong schema, wrong keys, or without work that
    /// has to be done in the background.
    pub(super) fn fatal(&self, sentence: &str) -> ! {
        tracing::error!("{sentence}");
        self.log.flush();
        std::process::exit(1)
    }
}
