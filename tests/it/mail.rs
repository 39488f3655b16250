//! Delivery of messages: by each transport, and while servers and instances stop and start.

mod causes;
mod configuration;
mod file;
mod queue;
mod slow_server;
mod smtp;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Sidecar, wait_until};

/// The timeout of sending, on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A message that can be queued.
pub(crate) fn message(email: &str) -> Value {
    json!({ "message": "password_changed", "to": { "user_id": null, "email": email, "name": null } })
}

/// Waits until the queue is empty.
pub(crate) async fn empty(sidecar: &Sidecar) {
    let database = sidecar.database().await;
    let count = "SELECT count(*) FROM mail_queue WHERE failed_at IS NULL";
    wait_until("the queue is empty", TIMEOUT, async || {
        database.query_one(count, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

/// Waits until a message was tried this often, and returns the reason of the last failure.
pub(crate) async fn tried(sidecar: &Sidecar, attempts: i32) -> String {
    let database = sidecar.database().await;
    let find = "SELECT attempts, last_error FROM mail_queue WHERE attempts > $1 AND failed_at IS NULL";
    let mut reason = String::new();
    wait_until("the message was tried", TIMEOUT, async || {
        let Some(row) = database.query_opt(find, &[&attempts]).await.unwrap() else {
            return false;
        };
        reason = row.get::<_, Option<String>>("last_error").unwrap_or_default();
        !reason.is_empty()
    })
    .await;
    reason
}

/// Audit entries of messages that failed: their user and data.
pub(crate) async fn failures(sidecar: &Sidecar) -> Vec<Value> {
    let find = "SELECT data FROM audit_logs WHERE event = 'mail_failed' ORDER BY id";
    let rows = sidecar.database().await.query(find, &[]).await.unwrap();
    rows.iter().map(|row| row.get("data")).collect()
}
