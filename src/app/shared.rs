//! The parts that all others of a running process share.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::error::AppError;
use crate::{
    admin::Readiness,
    clock,
    config::Boot,
    gate::revocation::View,
    keys::{Keys, remote::Refreshers},
    metrics::Metrics,
    proxy::{Upstreams, snapshot::Snapshot},
    store::redis::Redis,
};

/// The parts that all others share.
pub(crate) struct Shared {
    pub(crate) boot: Boot,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) refreshers: Refreshers,
    pub(crate) redis: Redis,
    pub(crate) view: Arc<View>,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) readiness: Arc<Readiness>,
}

impl Shared {
    /// Builds the shared parts. Must be called inside a runtime, which the connections belong to.
    pub(super) fn new(boot: Boot, snapshot: Snapshot) -> Result<Self, AppError> {
        let metrics = Arc::new(Metrics::new());
        let keys = Arc::<Keys>::default();
        Ok(Self {
            redis: Redis::connect(&boot.redis, &metrics)?,
            refreshers: Refreshers::new(Arc::clone(&keys), Arc::clone(&metrics), clock::now),
            keys,
            view: Arc::default(),
            upstreams: Arc::new(Upstreams::new(Arc::clone(&metrics))),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            readiness: Arc::default(),
            metrics,
            boot,
        })
    }
}
