//! A database that is slow, but not slow enough for the timeout of a call.

use std::time::{Duration, Instant};

use crate::support::TestSidecar;

#[tokio::test]
async fn a_request_to_auth_has_a_deadline_of_its_own() {
    // A sign-in takes several statements, each within its timeout.
    let slow = "store: { postgres: { pool: { wait: 20s, statement_timeout: 20s, connect_timeout: 20s } } }";
    let sidecar = TestSidecar::new().with_faults().config(slow).start().await;
    let alice = sidecar.user("alice").await;
    sidecar.postgres_network().delay(Duration::from_secs(4));
    let begun = Instant::now();
    let answer = sidecar.try_login(&alice.email, crate::support::PASSWORD).await;
    let took = begun.elapsed();
    assert_eq!(
        (answer.status(), &*answer.code()),
        (503, "unavailable"),
        "{}",
        answer.text()
    );
    assert!(answer.header("retry-after").is_some());
    assert!(took < Duration::from_secs(13), "{took:?}");
}
