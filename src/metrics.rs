//! Every metric: name, help, labels, buckets. One table, so that alerts and dashboards can be checked against it.
//!
//! Label values come from closed sets only (a route is its id), so that no client can increase the number of series.
//! The registry belongs to the value, not to the process: two instances in one test do not share counters.

use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Buckets for responses of upstreams and of the whole server, in seconds.
const HTTP: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Buckets for decisions in memory, in seconds.
const FINE: &[f64] = &[
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.05, 0.1, 1.0,
];
/// Buckets for a round trip to PostgreSQL or Redis, in seconds.
const STORE: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
/// Buckets for password hashing, in seconds.
const HASH: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0];
/// Buckets for the delivery of a revocation, in seconds.
const LAG: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// A metric type that can create and register itself, so that the table below needs one line for each metric.
trait Make: Sized {
    fn make(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Self;
}

macro_rules! make {
    ($($type:ty, |$name:ident, $help:ident, $labels:ident, $buckets:ident| $new:expr;)+) => { $(
        impl Make for $type {
            fn make(registry: &Registry, $name: &str, $help: &str, $labels: &[&str], $buckets: &[f64]) -> Self {
                let _ = ($labels, $buckets);
                let metric = $new.expect("the table holds valid names");
                registry.register(Box::new(metric.clone())).expect("the table holds each name once");
                metric
            }
        }
    )+ };
}

make! {
    IntCounter, |name, help, labels, buckets| Self::new(name, help);
    IntCounterVec, |name, help, labels, buckets| Self::new(Opts::new(name, help), labels);
    IntGauge, |name, help, labels, buckets| Self::new(name, help);
    IntGaugeVec, |name, help, labels, buckets| Self::new(Opts::new(name, help), labels);
    Gauge, |name, help, labels, buckets| Self::new(name, help);
    GaugeVec, |name, help, labels, buckets| Self::new(Opts::new(name, help), labels);
    Histogram, |name, help, labels, buckets| Self::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()));
    HistogramVec, |name, help, labels, buckets| Self::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels);
}

macro_rules! metrics {
    ($($field:ident: $type:ident = $name:literal, $help:literal $(, [$($label:literal),*])? $(, $buckets:ident)?;)+) => {
        /// All metrics of one instance.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $help] pub $field: $type,)+
        }

        impl Metrics {
            /// The names of all metrics of Sidegate, for tests that compare documentation, rules and dashboards with
            /// them.
            pub fn all_names(&self) -> Vec<&'static str> {
                vec![$(concat!("sidegate_", $name)),+]
            }

            /// A new set of metrics, all at zero.
            pub fn new() -> Self {
                let registry = Registry::new();
                let metrics = Self {
                    $($field: <$type as Make>::make(&registry, concat!("sidegate_", $name), $help, &[$($($label),*)?], &[] $(.iter().chain($buckets).copied().collect::<Vec<_>>().as_slice())?),)+
                    registry,
                };
                metrics.prepare();
                metrics
            }
        }
    };
}

metrics! {
    // HTTP server
    http_requests: IntCounterVec = "http_requests_total", "Requests answered, by who produced the response.", ["route", "method", "code", "origin"];
    http_request_duration: HistogramVec = "http_request_duration_seconds", "Time from request headers to last response byte.", ["route", "code_class"], HTTP;
    gateway_overhead: HistogramVec = "gateway_overhead_seconds", "Time added by Sidegate: from the request's headers until the request to the upstream.", ["route"], FINE;
    http_requests_in_flight: IntGauge = "http_requests_in_flight", "Requests in progress.";
    connections_open: IntGaugeVec = "connections_open", "Open client connections.", ["listener"];
    connections_limit: IntGaugeVec = "connections_limit", "The most client connections: server.limits.connections, or what the file descriptors suffice for.", ["listener"];
    connections_refused: IntCounterVec = "connections_refused_total", "Client connections that were closed at once, because the limit was reached.", ["listener"];
    http_request_bytes: IntCounterVec = "http_request_bytes_total", "Request body bytes received.", ["route"];
    http_response_bytes: IntCounterVec = "http_response_bytes_total", "Response body bytes sent.", ["route"];
    requests_rejected: IntCounterVec = "requests_rejected_total", "Requests refused before routing.", ["reason"];
    // Upstream
    upstream_requests: IntCounterVec = "upstream_requests_total", "Responses of upstreams.", ["upstream", "code"];
    upstream_request_duration: HistogramVec = "upstream_request_duration_seconds", "Time until the headers of the upstream's response.", ["upstream"], HTTP;
    upstream_connect_duration: HistogramVec = "upstream_connect_duration_seconds", "Time to open a connection to an upstream.", ["upstream"], HTTP;
    upstream_errors: IntCounterVec = "upstream_errors_total", "Upstream failures.", ["upstream", "reason"];
    upstream_retries: IntCounterVec = "upstream_retries_total", "Requests retried on another connection.", ["upstream"];
    upstream_healthy: IntGaugeVec = "upstream_healthy", "1 if the last health check passed.", ["upstream", "server"];
    // Decision per proxied request
    auth_decisions: IntCounterVec = "auth_decisions_total", "Decisions on proxied requests, with the code of a refusal as reason.", ["route", "result", "reason"];
    auth_check_duration: HistogramVec = "auth_check_duration_seconds", "Time of a decision on a proxied request.", ["source"], FINE;
    endpoint_refusals: IntCounterVec = "endpoint_refusals_total", "Requests under /auth that were refused, by the code of the refusal.", ["code"];
    identity_headers_stripped: IntCounterVec = "identity_headers_stripped_total", "Identity headers sent by clients and removed.", ["form"];
    // Caches
    cache_requests: IntCounterVec = "cache_requests_total", "Cache lookups. The hit ratio is hit divided by all.", ["cache", "result"];
    cache_entries: IntGaugeVec = "cache_entries", "Entries in the cache.", ["cache"];
    cache_evictions: IntCounterVec = "cache_evictions_total", "Entries evicted because the cache was full.", ["cache"];
    // Identity API
    login_attempts: IntCounterVec = "login_attempts_total", "Sign-in attempts.", ["method", "result"];
    mfa_challenges: IntCounterVec = "mfa_challenges_total", "Second factors that were submitted.", ["type", "result"];
    login_failures: IntCounterVec = "login_failures_total", "Failed sign-ins by cause, which the client is not told.", ["reason"];
    login_stuffing_addresses: IntCounterVec = "login_stuffing_ips_total", "Client IPs (IPv6: /64) that failed to sign in to this many different accounts within ten minutes: credential stuffing.", ["accounts"];
    registrations: IntCounterVec = "registrations_total", "Registrations.", ["stage", "result"];
    password_resets: IntCounterVec = "password_resets_total", "Password resets: links requested, and used.", ["stage", "result"];
    email_verifications: IntCounterVec = "email_verifications_total", "Email verifications: codes requested, and submitted.", ["stage", "result"];
    tokens_issued: IntCounterVec = "tokens_issued_total", "Tokens issued.", ["type", "grant"];
    refreshes: IntCounterVec = "refresh_total", "Refresh attempts.", ["result"];
    refresh_reuse_detected: IntCounter = "refresh_reuse_detected_total", "Used refresh tokens that were used again; their sessions were ended.";
    sessions_revoked: IntCounterVec = "sessions_revoked_total", "Sessions ended.", ["reason"];
    sessions_active: IntGauge = "sessions_active", "Active sessions, counted once a minute.";
    // Revocation propagation
    revocation_lag: Histogram = "revocation_lag_seconds", "Time from the publication of a revocation until this instance applied it.", LAG;
    revocation_view_age: Gauge = "revocation_view_age_seconds", "Age of this instance's view of revocations: every one that was committed longer ago is in it.";
    revocation_stream_connected: IntGauge = "revocation_stream_connected", "1 while the revocation feed is being read.";
    revocation_entries: IntGauge = "revocation_entries", "Revocations held in memory.";
    revocation_pending: IntGauge = "revocation_pending", "Rows of the outbox that the feed lacks, as this issuer knows.";
    revocation_outbox_position: IntGauge = "revocation_outbox_position", "Transaction id up to which this issuer has read the outbox.";
    revocation_feed_position: IntGauge = "revocation_feed_position", "Transaction id up to which the feed holds the outbox, by its newest heartbeat.";
    // Rate limits
    ratelimit_decisions: IntCounterVec = "ratelimit_decisions_total", "Rate limit decisions.", ["policy", "result"];
    ratelimit_backend_duration: Histogram = "ratelimit_backend_duration_seconds", "Redis round trip for a decision.", STORE;
    // Password hashing
    password_hash_duration: HistogramVec = "password_hash_duration_seconds", "Time to compute a hash.", ["algorithm", "op"], HASH;
    password_hash_queue_length: IntGauge = "password_hash_queue_length", "Hashing jobs waiting for a worker.";
    password_hash_queue_wait: Histogram = "password_hash_queue_wait_seconds", "Time that a hashing job waited for a worker.", HASH;
    password_hash_rejected: IntCounterVec = "password_hash_rejected_total", "Hashing jobs refused because of overload.", ["reason"];
    password_rehash: IntCounter = "password_rehash_total", "Hashes replaced at sign-in because their parameters were outdated.";
    // Stores
    store_up: IntGaugeVec = "store_up", "1 if the last call reached the store: `postgres` (the primary), `postgres_replica`, `redis`.", ["store"];
    store_circuit_open: IntGaugeVec = "store_circuit_open", "1 while calls to the store fail at once, because it did not answer.", ["store"];
    store_operation_duration: HistogramVec = "store_operation_duration_seconds", "Duration of a store operation.", ["store", "operation"], STORE;
    store_operation_errors: IntCounterVec = "store_operation_errors_total", "Failed store operations.", ["store", "operation", "reason"];
    store_pool_connections: IntGaugeVec = "store_pool_connections", "Connections in the pool.", ["store", "state"];
    store_pool_max_connections: IntGaugeVec = "store_pool_max_connections", "Maximum number of connections in the pool.", ["store"];
    store_pool_pending_requests: IntGaugeVec = "store_pool_pending_requests", "Callers waiting for a connection.", ["store"];
    store_pool_wait: HistogramVec = "store_pool_wait_seconds", "Time that callers waited for a connection.", ["store"], STORE;
    store_pool_timeouts: IntCounterVec = "store_pool_timeouts_total", "Callers that got no connection within the timeout.", ["store"];
    db_schema_version: IntGauge = "db_schema_version", "Version of the newest applied migration.";
    db_migrations_pending: IntGauge = "db_migrations_pending", "Migrations of this binary that are not applied.";
    // Configuration
    config_last_reload_successful: IntGauge = "config_last_reload_successful", "1 if the last reload succeeded.";
    config_last_reload_success: Gauge = "config_last_reload_success_timestamp_seconds", "When a configuration was last loaded successfully.";
    config_reloads: IntCounterVec = "config_reloads_total", "Reloads.", ["result"];
    config_info: IntGaugeVec = "config_info", "SHA-256 of the configuration in use, to compare replicas.", ["sha256"];
    // Keys
    signing_key_created: GaugeVec = "signing_key_created_timestamp_seconds", "When a published signing key was created.", ["kid", "state"];
    jwks_last_refresh_success: GaugeVec = "jwks_last_refresh_success_timestamp_seconds", "When the keys of an issuer were last fetched successfully.", ["issuer"];
    jwks_refreshes: IntCounterVec = "jwks_refreshes_total", "Fetches of the keys of an issuer.", ["issuer", "result"];
    // Background
    job_runs: IntCounterVec = "job_runs_total", "Runs of background jobs.", ["job", "result"];
    job_last_success: GaugeVec = "job_last_success_timestamp_seconds", "When a background job last succeeded.", ["job"];
    mail_sent: IntCounterVec = "mail_sent_total", "Attempts to send a message, by result.", ["template", "result"];
    mail_queue_length: IntGauge = "mail_queue_length", "Messages waiting to be sent.";
    audit_events: IntCounterVec = "audit_events_total", "Audit events written.", ["event"];
    panics: IntCounter = "panics_total", "Panics caught.";
    log_lines_dropped: IntCounter = "log_lines_dropped_total", "Log lines that were dropped, because the log was not read.";
    descriptors_exhausted: IntCounter = "file_descriptors_exhausted_total", "Seconds in which no file descriptor was free.";
    // Process
    build_info: IntGaugeVec = "build_info", "Always 1.", ["version", "mode"];
}

impl Metrics {
    /// Creates the series that alerts use, so that `increase()` sees the first event, and registers the metrics of the
    /// process.
    fn prepare(&self) {
        for result in [
            "success",
            "bad_credentials",
            "locked",
            "unverified",
            "reset_required",
            "mfa_required",
            "rate_limited",
            "error",
        ] {
            self.login_attempts.with_label_values(&["password", result]);
        }
        for kind in ["totp", "recovery_code", "email_code"] {
            for result in ["success", "wrong", "replayed", "invalid_token", "rate_limited", "error"] {
                self.mfa_challenges.with_label_values(&[kind, result]);
            }
        }
        for reason in ["unknown_account", "wrong_password", "locked"] {
            self.login_failures.with_label_values(&[reason]);
        }
        for accounts in ["10", "100", "1000"] {
            self.login_stuffing_addresses.with_label_values(&[accounts]);
        }
        for result in ["rotated", "grace", "reuse", "expired", "revoked", "unknown", "error"] {
            self.refreshes.with_label_values(&[result]);
        }
        for reason in [
            "bad_request",
            "header_too_large",
            "body_too_large",
            "smuggling",
            "host_unknown",
        ] {
            self.requests_rejected.with_label_values(&[reason]);
        }
        for reason in ["queue_full", "timeout"] {
            self.password_hash_rejected.with_label_values(&[reason]);
        }
        for form in ["exact", "underscore", "duplicate"] {
            self.identity_headers_stripped.with_label_values(&[form]);
        }
        self.connections_open.with_label_values(&["proxy"]);
        self.connections_refused.with_label_values(&["proxy"]);
        for result in ["hit", "miss"] {
            self.cache_requests.with_label_values(&["token", result]);
            self.cache_requests.with_label_values(&["user", result]);
            self.cache_requests.with_label_values(&["assertion", result]);
        }
        let process = prometheus::process_collector::ProcessCollector::for_self();
        self.registry.register(Box::new(process)).expect("registered once");
    }

    /// The metrics in Prometheus' text format.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(64 * 1024);
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("a Vec takes any bytes");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_do_not_share_counters() {
        let (one, two) = (Metrics::new(), Metrics::new());
        one.refresh_reuse_detected.inc();
        assert_eq!(
            (one.refresh_reuse_detected.get(), two.refresh_reuse_detected.get()),
            (1, 0)
        );
    }

    #[test]
    fn series_that_alerts_watch_exist_before_the_first_event() {
        let text = String::from_utf8(Metrics::new().render()).unwrap();
        for series in [
            "sidegate_refresh_reuse_detected_total 0",
            r#"sidegate_login_attempts_total{method="password",result="bad_credentials"} 0"#,
        ] {
            assert!(text.contains(series), "{series}");
        }
    }
}
