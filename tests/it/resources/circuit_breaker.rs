//! The circuit breaker before Redis.

use std::time::{Duration, Instant};

use super::TIMEOUT;
use crate::support::{Sidecar, TestSidecar, wait_until};

const OPEN: &str = "sidegate_store_circuit_open";

/// A timeout that a slow machine cannot be mistaken for.
const SLOW: &str = "store: { redis: { timeout: 2s } }";

async fn is_open(sidecar: &Sidecar) -> bool {
    sidecar.metric(OPEN, &[("store", "redis")]).await > 0.5
}

/// A limited request: its limit asks Redis for every permit.
async fn limited(sidecar: &Sidecar) -> (u16, Duration) {
    let begun = Instant::now();
    let status = sidecar.get("/x").send().await.status();
    (status, begun.elapsed())
}

async fn limited_sidecar() -> Sidecar {
    TestSidecar::new()
        .with_faults()
        .config(SLOW)
        .config("rate_limits: { few: { key: ip, limit: 30/1m, on_store_error: allow } }")
        .route_yaml("{ id: all, match: { path: /** }, upstream: app, access: public, rate_limits: [few] }")
        .start()
        .await
}

#[tokio::test]
async fn after_a_few_timeouts_calls_to_redis_fail_at_once_until_it_answers_again() {
    let sidecar = limited_sidecar().await;
    assert_eq!(limited(&sidecar).await.0, 200);
    assert!(!is_open(&sidecar).await);

    sidecar.redis_network().freeze();
    wait_until("the circuit opens", TIMEOUT, async || {
        limited(&sidecar).await;
        is_open(&sidecar).await
    })
    .await;
    for _ in 0..5 {
        let (status, took) = limited(&sidecar).await;
        assert_eq!(status, 200);
        assert!(took < Duration::from_millis(1500), "waited for Redis: {took:?}");
    }
    assert!(
        sidecar.logs().contains("Redis does not answer: calls fail at once"),
        "{}",
        sidecar.logs()
    );

    sidecar.redis_network().heal();
    wait_until("the circuit closes", TIMEOUT, async || !is_open(&sidecar).await).await;
    let counted = || sidecar.metric("sidegate_ratelimit_decisions_total", &[("result", "allowed")]);
    let before = counted().await;
    assert_eq!(limited(&sidecar).await.0, 200);
    assert!(counted().await > before, "the limit is counted in Redis again");
}

#[tokio::test]
async fn a_redis_that_refuses_connections_does_not_open_the_circuit() {
    let sidecar = limited_sidecar().await;
    sidecar.redis_network().cut();
    for _ in 0..10 {
        assert_eq!(limited(&sidecar).await.0, 200);
    }
    assert!(!is_open(&sidecar).await, "its errors cost no time");
}
