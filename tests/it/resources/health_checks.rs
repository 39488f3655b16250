//! How many health checks decide.

use std::time::Duration;

use super::TIMEOUT;
use crate::support::{Behaviour, Sidecar, TestSidecar, wait_until};

const HEALTHY: &str = "sidegate_upstream_healthy";

async fn checked(fall: u32) -> Sidecar {
    let health =
        format!("upstreams: {{ app: {{ health: {{ path: /healthz, every: 300ms, rise: 2, fall: {fall} }} }} }}");
    let sidecar = TestSidecar::new().route("/**", "public").config(&health).start().await;
    wait_until("the first check has passed", TIMEOUT, async || healthy(&sidecar).await).await;
    sidecar
}

async fn healthy(sidecar: &Sidecar) -> bool {
    sidecar.metric(HEALTHY, &[("upstream", "app")]).await > 0.5
}

fn checks(sidecar: &Sidecar) -> usize {
    let seen = sidecar.upstream().seen();
    seen.iter().filter(|seen| seen.target() == "/healthz").count()
}

/// Waits for this many more checks.
async fn after(sidecar: &Sidecar, more: usize) {
    let until = checks(sidecar) + more;
    wait_until("the server was checked", TIMEOUT, async || checks(sidecar) >= until).await;
}

#[tokio::test]
async fn fewer_failures_than_the_threshold_do_not_take_a_server_out_of_service() {
    let sidecar = checked(50).await;
    sidecar.upstream().behave(Behaviour::Status(500));
    after(&sidecar, 3).await;
    sidecar.upstream().behave(Behaviour::Echo);
    assert_eq!(sidecar.get("/x").send().await.status(), 200);
    assert!(healthy(&sidecar).await);
}

#[tokio::test]
async fn as_many_failures_as_the_threshold_do_and_it_returns_after_as_many_successes() {
    let sidecar = checked(3).await;
    sidecar.upstream().behave(Behaviour::Status(500));
    let before = checks(&sidecar);
    wait_until("the server is unhealthy", TIMEOUT, async || !healthy(&sidecar).await).await;
    assert!(checks(&sidecar) - before >= 3, "{}", checks(&sidecar) - before);
    assert_eq!(sidecar.get("/x").send().await.status(), 503);
    sidecar.upstream().behave(Behaviour::Echo);
    let before = checks(&sidecar);
    wait_until("the server is healthy", Duration::from_secs(30), async || {
        healthy(&sidecar).await
    })
    .await;
    assert!(checks(&sidecar) - before >= 2, "{}", checks(&sidecar) - before);
}
