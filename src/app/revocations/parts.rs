//! The parts that the revocation loops share.

use std::{sync::Arc, time::Instant};

use crate::{gate::revocation::View, metrics::Metrics, store::redis::Redis};

/// The view, the stores it is built from, and its gauges. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) redis: Redis,
    pub(crate) view: Arc<View>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Parts {
    /// Sets the gauges of the view.
    pub(crate) fn measure(&self) {
        let age = self.view.age(Instant::now());
        self.metrics.revocation_view_age.set(age.as_secs_f64());
        let entries = i64::try_from(self.view.len()).unwrap_or(i64::MAX);
        self.metrics.revocation_entries.set(entries);
    }
}
