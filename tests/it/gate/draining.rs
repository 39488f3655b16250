//! The time between SIGTERM and the end of the listeners.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{TestSidecar, wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn while_draining_every_response_asks_the_client_to_leave() {
    let shutdown = "server: { shutdown: { drain_delay: 20s, grace_period: 30s } }";
    let sidecar = TestSidecar::new()
        .route("/open/**", "public")
        .config(shutdown)
        .start()
        .await;
    let paths = ["/open/x", "/nowhere", "/auth/login", "/.well-known/sidegate/jwks.json"];
    let mut connection = sidecar.connect().await;
    for path in paths {
        connection.send(&sidecar.get(path).to_bytes()).await;
        let answer = connection.answer(false).await.unwrap();
        assert_eq!(answer.header("connection"), Some("keep-alive"), "{path}");
    }
    sidecar.signal(Signal::TERM);
    wait_until("it drains", TIMEOUT, async || {
        sidecar.admin("GET", "/readyz").send().await.status() == 503
    })
    .await;
    connection.send(&sidecar.get("/open/x").to_bytes()).await;
    let answer = connection.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
    assert!(connection.is_closed_within(TIMEOUT).await);
    for path in paths {
        let answer = sidecar.get(path).send().await;
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
    }
}
