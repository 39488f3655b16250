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

/// The timeout of a condition, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);
