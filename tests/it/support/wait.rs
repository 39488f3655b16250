//! Waiting for a thing to be true, rather than for some time to pass.

use std::time::{Duration, Instant};

const POLL_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` is true and fails, with `what` in its words, when it is not within `timeout`.
pub async fn wait_until(what: &str, timeout: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(
            begun.elapsed() < timeout,
            "after {timeout:?} still waiting until {what}"
        );
        tokio::time::sleep(POLL_EVERY).await;
    }
}
