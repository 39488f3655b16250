//! How many client connections this instance accepts.
//!
//! A connection costs memory and a file descriptor, and any client can open as many as it likes. Beyond the
//! limit a connection is closed at once, before a byte of it is read.

use std::{sync::Arc, time::Duration};

use prometheus::{IntCounter, IntGauge};

use crate::{log::OncePerSecond, metrics::Metrics};

/// How long a connection can be idle when there is little room for others. A client that is still there connects again.
const IDLE_WHEN_CROWDED: Duration = Duration::from_secs(1);

/// Admits connections up to a limit.
#[derive(Debug)]
pub struct Capacity {
    /// The most connections that the file descriptors of the process suffice for.
    by_descriptors: i64,
    open: IntGauge,
    in_flight: IntGauge,
    limit: IntGauge,
    refused: IntCounter,
    log: OncePerSecond,
}

/// Counts a connection as long as it exists, also if its task panics.
#[derive(Debug)]
pub(super) struct Open(IntGauge);

impl Open {
    fn new(open: &IntGauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Capacity {
    /// `by_descriptors` is the most connections that the file descriptors of the process suffice for.
    pub fn new(by_descriptors: u64, metrics: &Arc<Metrics>) -> Self {
        Self {
            by_descriptors: i64::try_from(by_descriptors).unwrap_or(i64::MAX),
            open: metrics.connections_open.with_label_values(&["proxy"]),
            in_flight: metrics.http_requests_in_flight.clone(),
            limit: metrics.connections_limit.with_label_values(&["proxy"]),
            refused: metrics.connections_refused.with_label_values(&["proxy"]),
            log: OncePerSecond::default(),
        }
    }

    /// Counts a connection, for as long as the value exists. `None`: there are `configured` already, and it has to be
    /// closed.
    pub(super) fn admit(&self, configured: u32) -> Option<Open> {
        let limit = self.by_descriptors.min(configured.into());
        self.limit.set(limit);
        let admitted = Open::new(&self.open);
        if self.open.get() <= limit {
            return Some(admitted);
        }
        self.refused.inc();
        if self.log.is_due() {
            tracing::warn!(
                limit,
                refused = self.refused.get(),
                "clients are refused: {limit} connections are open, the most that server.limits.connections and the file descriptors allow"
            );
        }
        None
    }

    /// Whether a request can have a connection to the application. A client of HTTP/2 has many requests on one
    /// connection, and each needs a descriptor; some have to be left for everything else.
    pub(super) fn has_room_for_a_request(&self) -> bool {
        self.open.get() + self.in_flight.get() <= self.by_descriptors.saturating_mul(2)
    }

    /// How long a connection can be idle: `configured`, or shorter when nine tenths of the connections are taken, so
    /// that idle clients make room for those that have a request.
    pub(super) fn idle(&self, configured: Duration) -> Duration {
        let limit = self.limit.get();
        if self.open.get() > limit - limit / 10 {
            configured.min(IDLE_WHEN_CROWDED)
        } else {
            configured
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(by_descriptors: u64) -> (Capacity, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        (Capacity::new(by_descriptors, &metrics), metrics)
    }

    #[test]
    fn as_many_connections_as_the_limit_are_admitted_and_one_that_ends_makes_room() {
        let (capacity, metrics) = capacity(1000);
        let mut held: Vec<_> = (0..3).map(|_| capacity.admit(3)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(capacity.admit(3).is_none());
        held.pop();
        assert!(capacity.admit(3).is_some());
        assert_eq!(metrics.connections_refused.with_label_values(&["proxy"]).get(), 1);
        assert_eq!(metrics.connections_open.with_label_values(&["proxy"]).get(), 2);
    }

    #[test]
    fn no_more_are_admitted_than_there_are_descriptors_for() {
        let (capacity, metrics) = capacity(2);
        let held: Vec<_> = (0..3).map(|_| capacity.admit(10_000)).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        assert_eq!(metrics.connections_limit.with_label_values(&["proxy"]).get(), 2);
    }

    #[test]
    fn requests_have_as_many_descriptors_as_connections() {
        let (capacity, metrics) = capacity(2);
        let _connection = capacity.admit(10);
        metrics.http_requests_in_flight.set(3);
        assert!(capacity.has_room_for_a_request());
        metrics.http_requests_in_flight.set(4);
        assert!(!capacity.has_room_for_a_request());
    }

    #[test]
    fn idle_connections_are_kept_for_less_time_when_there_is_little_room() {
        let (capacity, _) = capacity(1000);
        let minute = Duration::from_secs(60);
        let mut held: Vec<_> = (0..9).map(|_| capacity.admit(10)).collect();
        assert_eq!(capacity.idle(minute), minute);
        held.push(capacity.admit(10));
        assert_eq!(capacity.idle(minute), IDLE_WHEN_CROWDED);
        assert_eq!(capacity.idle(Duration::from_millis(5)), Duration::from_millis(5));
    }
}
