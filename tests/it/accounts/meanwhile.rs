//! A change that is committed while a request is between what it has read and the lock of the user's row.

use std::time::Duration;

use super::fixture::Services;
use crate::support::wait_until;

/// Makes a change of the account in a transaction that it commits as soon as the request waits for the user's row: the
/// request has read the account as it was before, and gets the lock afterwards. Fails if the request does not wait.
pub(super) async fn meanwhile<T>(services: &Services, change: &str, request: impl Future<Output = T>) -> T {
    let raw = &services.database.raw;
    raw.batch_execute("BEGIN").await.unwrap();
    raw.batch_execute(change).await.unwrap();
    let (answer, ()) = tokio::join!(request, async {
        wait_until_blocked(services).await;
        raw.batch_execute("COMMIT").await.unwrap();
    });
    answer
}

/// Waits until another connection waits for the transaction of `services.database.raw`.
pub(super) async fn wait_until_blocked(services: &Services) {
    let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
    wait_until(
        "the request waits for the user's row",
        Duration::from_secs(10),
        async || {
            let row = services.database.raw.query_one(blocked, &[]).await.unwrap();
            row.get::<_, i64>(0) > 0
        },
    )
    .await;
}
