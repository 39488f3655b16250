//! The state of a request while it passes through the phases.

use std::{sync::Arc, time::Instant};

use http::{HeaderName, HeaderValue};
use prometheus::IntGauge;
use time::OffsetDateTime;

use super::{
    address::Origin,
    ending,
    snapshot::Snapshot,
    summary::Summary,
    upstream::{Choice, upgrade::Hold},
};
use crate::{
    gate::{
        Permit, Trace,
        denial::Denial,
        revocation::{Ending, Watched},
    },
    metrics::Metrics,
};

/// The state of a request. Created by `new_ctx`, read by the access log.
pub struct Context {
    /// The snapshot that this request uses until its end, even if the configuration is reloaded meanwhile.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) started: Instant,
    pub(super) now: OffsetDateTime,
    pub(super) origin: Option<Origin>,
    pub(super) ids: Option<Ids>,
    pub(super) trace: Trace,
    pub(super) permit: Option<Permit>,
    pub(super) denial: Option<Denial>,
    /// The code with which an endpoint refused.
    pub(super) endpoint_code: Option<&'static str>,
    /// The target to forward, if it differs from the received one.
    pub(super) forward_target: Option<Box<[u8]>>,
    /// The signed assertion for the application.
    pub(super) assertion: Option<(HeaderName, HeaderValue)>,
    pub(super) host: Box<str>,
    /// Whether the path belongs to Sidegate's own endpoints, and not to a route.
    pub(super) is_own: bool,
    pub(super) answered_by: AnsweredBy,
    pub(super) gate_took: Option<std::time::Duration>,
    pub(super) upstream: Option<Choice>,
    pub(super) attempts: usize,
    /// For an upgrade: delays the response until the request was sent completely.
    pub(super) upgrade: Option<Arc<Hold>>,
    pub(super) upstream_started: Option<Instant>,
    /// When the application last received a part of the request: since then it has had time to respond.
    pub(super) last_sent: Instant,
    /// The number of interim responses (1xx) so far.
    pub(super) interim: u32,
    /// The time from the request's headers until the request to the upstream.
    pub(super) overhead: Option<std::time::Duration>,
    pub(super) upstream_took: Option<std::time::Duration>,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    /// The switch by which this request can be ended early.
    pub(super) ending: Arc<Ending>,
    /// Set when the request is in the list of long requests.
    pub(super) watched: Option<Watched>,
    /// What the access log needs if the session is gone.
    pub(super) summary: Option<Summary>,
    pub(super) recorded: bool,
    /// Whether the client disconnected before it had the whole response.
    pub(super) client_gone: bool,
    pub(super) metrics: Arc<Metrics>,
    _in_flight: InFlight,
}

/// Counts a request as long as it exists, also if its task panics: otherwise the shutdown would wait for it forever.
struct InFlight(IntGauge);

impl InFlight {
    fn new(metrics: &Metrics) -> Self {
        metrics.http_requests_in_flight.inc();
        Self(metrics.http_requests_in_flight.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Who produced the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnsweredBy {
    /// Sidegate, with a refusal.
    Gateway,
    /// An endpoint under `/auth`.
    Auth,
    /// The application.
    Upstream,
}

impl AnsweredBy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Upstream => "upstream",
        }
    }
}

/// The ids of a request in the logs.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    /// `X-Request-Id`.
    pub(super) request_id: HeaderValue,
    /// `traceparent` (W3C Trace Context).
    pub(super) traceparent: HeaderValue,
}

impl Ids {
    /// The ids of a trusted proxy, or new ones.
    pub(super) fn of(headers: &http::HeaderMap, trusted_peer: bool) -> Self {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let believed = |name: &str, legal: fn(&str) -> bool| {
            let value = headers.get(name).filter(|_| trusted_peer)?;
            value.to_str().is_ok_and(legal).then(|| value.clone())
        };
        let request_id = believed("x-request-id", is_request_id);
        let traceparent = believed("traceparent", is_traceparent);
        let header = |text: &str| HeaderValue::from_str(text).expect("hexadecimal digits and dashes");
        Self {
            traceparent: traceparent.unwrap_or_else(|| header(&format!("00-{random}-{}-00", &random[..16]))),
            request_id: request_id.unwrap_or_else(|| header(&random)),
        }
    }

    pub(super) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    pub(super) fn trace_id(&self) -> &str {
        self.traceparent
            .to_str()
            .ok()
            .and_then(|text| text.get(3..35))
            .unwrap_or_default()
    }
}

/// Whether an id is safe in a log line and in a header.
fn is_request_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte))
}

/// Whether a text is a `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len).eq([2, 32, 16, 2]);
    lengths
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

impl Context {
    pub(super) fn new(snapshot: Arc<Snapshot>, now: OffsetDateTime, metrics: &Arc<Metrics>) -> Self {
        let started = Instant::now();
        Self {
            metrics: Arc::clone(metrics),
            ending: ending::current(),
            watched: None,
            summary: None,
            recorded: false,
            response_bytes: 0,
            snapshot,
            started,
            last_sent: started,
            interim: 0,
            client_gone: false,
            now,
            origin: None,
            ids: None,
            trace: Trace::default(),
            permit: None,
            denial: None,
            endpoint_code: None,
            forward_target: None,
            assertion: None,
            host: Box::default(),
            is_own: false,
            answered_by: AnsweredBy::Gateway,
            gate_took: None,
            upstream: None,
            attempts: 0,
            upgrade: None,
            upstream_started: None,
            overhead: None,
            upstream_took: None,
            request_bytes: 0,
            _in_flight: InFlight::new(metrics),
        }
    }

    /// The code of the refusal, by the gate or by an endpoint; `None` if the request was not refused.
    pub(super) fn refusal_code(&self) -> Option<&'static str> {
        self.denial.as_ref().map(Denial::code).or(self.endpoint_code)
    }

    /// The route's id for metrics and logs; requests without a route share one.
    pub(super) fn route_id(&self) -> &str {
        match (&self.trace.route, self.answered_by) {
            (Some(route), _) => &route.id,
            (None, AnsweredBy::Auth) => "auth",
            (None, _) => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_strangers_request_id_is_replaced_and_a_trusted_ones_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "abc-1".parse().unwrap());
        assert_eq!(Ids::of(&headers, true).request_id(), "abc-1");
        assert_eq!(Ids::of(&headers, false).request_id().len(), 32);
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for id in ["a b", "a\"b", "", &"a".repeat(129)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", id.parse().unwrap());
            assert_eq!(Ids::of(&headers, true).request_id().len(), 32, "{id}");
        }
    }

    #[test]
    fn a_new_trace_is_a_valid_traceparent() {
        let ids = Ids::of(&HeaderMap::new(), false);
        assert!(is_traceparent(ids.traceparent.to_str().unwrap()));
        assert_eq!(ids.trace_id(), ids.request_id());
    }
}
