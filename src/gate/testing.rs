//! Plain values for the unit tests of the gate.

use std::sync::Arc;

use http::Method;

use super::{
    identity::{Plan, Preset},
    route::{Access, DEFAULT_BODY_BYTES, Match, OnStale, Route, Unauthenticated},
    target::Unusual,
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
        }),
        strip_prefix: None,
        tolerated: Unusual::default(),
        forward_authorization: false,
        unauthenticated: Unauthenticated::Refuse,
        body_bytes: DEFAULT_BODY_BYTES,
    }
}
