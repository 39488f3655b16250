//! A PostgreSQL that does not keep what it has confirmed.

use super::TIMEOUT;
use crate::support::{TestSidecar, wait_until};

#[tokio::test]
async fn an_issuer_warns_of_a_database_that_can_lose_what_it_confirmed() {
    // The server of the tests runs with durability off, for speed.
    let sidecar = TestSidecar::new().start().await;
    wait_until("it warns", TIMEOUT, async || {
        sidecar.logs().contains("PostgreSQL runs with synchronous_commit")
    })
    .await;
}
