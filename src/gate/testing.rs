//! Values for the unit tests of the gate.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderMap, Method};

use super::{
    request::Request,
    rules::{
        Rules,
        identity_headers::{Plan, Preset},
        issuer::{ClaimNames, IssuerRules, KeySource},
        rate_limit::{KeyPart, OnStoreError, RateLimit},
        reserved_headers::Family,
        route::{Access, DEFAULT_BODY_BYTES, Match, OnStale, Route, Unauthenticated},
        spelling::Unusual,
        table::Table,
        wanted_claims,
    },
    target::Target,
};

/// A public route; `host` may be empty.
pub(crate) fn route(id: &str, host: &str, path: &str, methods: &[Method]) -> Route {
    Route {
        id: id.into(),
        matches: Match {
            hosts: (!host.is_empty()).then(|| host.into()).into_iter().collect(),
            paths: vec![path.into()],
            methods: methods.to_vec(),
        },
        upstream: "app".into(),
        access: Access::Public,
        rate_limits: Vec::new(),
        on_stale: OnStale::Check,
        identity: Arc::new(Plan {
            headers: Preset::Oauth2Proxy.headers(),
            assertion: None,
        }),
        strip_prefix: None,
        tolerated: Unusual::default(),
        forward_authorization: false,
        unauthenticated: Unauthenticated::Refuse,
        body_bytes: DEFAULT_BODY_BYTES,
        cors: None,
    }
}

/// A configuration of these routes and no issuers.
pub(crate) fn rules(routes: Vec<Route>) -> Rules {
    let mut table = Table::default();
    let wanted_claims = wanted_claims::of(&routes);
    for route in routes {
        table.insert(Arc::new(route)).unwrap();
    }
    Rules {
        sha256: [7; 32],
        routes: table,
        issuers: HashMap::new(),
        max_lag: Duration::from_secs(2),
        family: Family::new([]),
        wanted_claims,
        session_cookie: None,
    }
}

/// Rules for another issuer's ES256 tokens.
pub(crate) fn issuer_rules(issuer: &str, audience: &str) -> IssuerRules {
    IssuerRules {
        issuer: issuer.into(),
        audience: vec![audience.into()],
        algorithms: vec![crate::keys::Algorithm::Es256],
        leeway: Duration::from_secs(30),
        require: Vec::new(),
        typ: None,
        claims: ClaimNames::default(),
        keys: KeySource::Inline(serde_json::Value::Null),
    }
}

/// A request to `app.test` from 192.0.2.1.
pub(crate) fn request<'a>(method: &'a Method, target: &'a str, headers: &'a HeaderMap) -> Request<'a> {
    Request {
        method,
        host: "app.test",
        target: Target::read(target.as_bytes()).unwrap(),
        headers,
        address: "192.0.2.1".parse().unwrap(),
    }
}

/// A rate limit by client IP.
pub(crate) fn rate_limit(limit: u32, window: Duration) -> RateLimit {
    RateLimit {
        name: "test".into(),
        key: vec![KeyPart::Ip],
        limit,
        window,
        on_store_error: OnStoreError::Local,
    }
}

/// The number of cases per property: `SIDEGATE_PROPTEST_CASES`, by default few enough for every run.
pub(crate) fn cases() -> proptest::test_runner::Config {
    // Read when the tests are built: only `config` reads the environment of a running process.
    let wanted = option_env!("SIDEGATE_PROPTEST_CASES").and_then(|cases| cases.parse().ok());
    proptest::test_runner::Config {
        // No files beside the source: a failure prints its smallest case, which becomes a test by name.
        failure_persistence: None,
        ..proptest::test_runner::Config::with_cases(wanted.unwrap_or(4096))
    }
}
