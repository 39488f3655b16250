//! What runs out: connections, memory, file descriptors, readers of the log, time.

mod audit_log;
mod circuit_breaker;
mod connections;
mod deadlines;
mod descriptors;
mod durability;
mod health_checks;
mod log_pipe;
mod memory;
mod refusal_codes;
mod reloads;

use std::time::Duration;

use crate::support::{Sidecar, wait_until};

/// The timeout of a condition, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until a request is answered by the application; `what` says why it should be.
async fn served(sidecar: &Sidecar, what: &str) {
    wait_until(what, TIMEOUT, async || {
        sidecar
            .get("/x")
            .try_send()
            .await
            .is_some_and(|answer| answer.status() == 200)
    })
    .await;
}
