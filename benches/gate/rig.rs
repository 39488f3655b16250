//! The gate in this process, with everything a request may need.

use std::{
    net::IpAddr,
    ops::Range,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderValue, Method, header};
use sidegate::{
    config,
    gate::{
        Gate, Permit, Request, Trace, admit,
        assertion::Asserter,
        rate_limit::Limiter,
        revocation::{Revocations, View},
        rules::{Rules, issuer::KeySource},
        target::Target,
        verify::Verifier,
    },
    keys::{Algorithm, Keys, SigningKey, VerifyingKey},
    metrics::Metrics,
    store::redis::Redis,
};
use time::{OffsetDateTime, macros::datetime};
use tokio::runtime::Runtime;

use crate::support::{Signers, redis_url, routes};

/// Every token and every decision is of this instant: `admit` takes the time as an argument.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00 UTC);
/// Where every caller is.
pub(crate) const CALLER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A gate with everything a request may need.
pub(crate) struct Rig {
    pub(crate) runtime: Runtime,
    pub(crate) gate: Gate,
    pub(crate) rules: Rules,
    pub(crate) signers: Signers,
}

impl Rig {
    pub(crate) fn new(more_routes: usize) -> Self {
        let signers = Signers::new();
        let yaml = format!(
            "version: 1\nstore: {{ redis: {{ url: \"{}\", namespace: bench-admit, timeout: 20s }} }}\nrevocation: {{ feed: none }}\n{}{}\
             upstreams: {{ app: {{ servers: [\"http://127.0.0.1:1\"] }} }}\n",
            redis_url(),
            signers.issuers(),
            routes(more_routes),
        );
        let loaded = config::parse("bench", &yaml, &|_| None).expect("the bench is in order");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the bench is in order");
        let metrics = Arc::new(Metrics::new());
        let redis = {
            let _inside = runtime.enter();
            Redis::connect(&loaded.boot.redis, &metrics).expect("the bench is in order")
        };
        let keys = Arc::new(Keys::default());
        for rules in loaded.snapshot.rules.issuers.values() {
            let held: Vec<_> = match &rules.keys {
                KeySource::Inline(document) => document["keys"]
                    .as_array()
                    .expect("the bench is in order")
                    .iter()
                    .map(|jwk| Arc::new(VerifyingKey::from_jwk(jwk).expect("the bench is in order")))
                    .collect(),
                KeySource::Secret(secret) => vec![Arc::new(
                    VerifyingKey::from_secret(secret).expect("the bench is in order"),
                )],
                other => panic!("no such issuer here: {other:?}"),
            };
            keys.replace(&rules.issuer, &held);
        }
        let view = Arc::new(View::of_no_feed());
        Self {
            gate: Gate {
                asserter: Asserter::ephemeral(
                    "http://bench.test",
                    SigningKey::generate(Algorithm::Es256).expect("the bench is in order"),
                    &metrics,
                ),
                verifier: Verifier::new(keys, &metrics),
                revocations: Revocations {
                    view,
                    redis: redis.clone(),
                },
                limiter: Limiter::new(redis, metrics),
            },
            runtime,
            rules: loaded.snapshot.rules,
            signers,
        }
    }

    /// The requests of callers with these numbers.
    pub(crate) fn requests(&self, algorithm: Algorithm, callers: Range<usize>) -> Vec<HeaderMap> {
        callers.map(|caller| self.request(algorithm, caller)).collect()
    }

    pub(crate) fn request(&self, algorithm: Algorithm, caller: usize) -> HeaderMap {
        headers(&self.signers.token(algorithm, caller, NOW.unix_timestamp()))
    }

    pub(crate) fn admit(&self, target: &str, headers: &HeaderMap) -> Permit {
        let request = Request {
            method: &Method::GET,
            host: "app.test",
            target: Target::read(target.as_bytes()).expect("the bench is in order"),
            headers,
            address: CALLER,
        };
        let mut trace = Trace::default();
        let decision = self.outcome(admit(&request, &self.gate, &self.rules, NOW, &mut trace));
        decision.expect("the request is good")
    }

    /// What a step comes to. Most need no runtime, so that the cost of one is not counted; its context must be entered.
    pub(crate) fn outcome<T>(&self, step: impl Future<Output = T>) -> T {
        let mut step = pin!(step);
        match step.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => self.runtime.block_on(step),
        }
    }
}

/// The header fields of an ordinary request.
fn headers(token: &str) -> HeaderMap {
    [
        (header::HOST, "app.test"),
        (
            header::USER_AGENT,
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101",
        ),
        (header::ACCEPT, "application/json"),
        (header::ACCEPT_LANGUAGE, "en-US,en;q=0.5"),
        (header::ACCEPT_ENCODING, "gzip, deflate, br"),
        (header::AUTHORIZATION, &format!("Bearer {token}")),
    ]
    .into_iter()
    .map(|(name, value)| (name, HeaderValue::from_str(value).expect("the bench is in order")))
    .collect()
}
