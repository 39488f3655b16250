//! Waits for a condition instead of sleeping.

use std::time::{Duration, Instant};

const POLL_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` is true; fails after `timeout` with `what`, the description of the condition.
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
