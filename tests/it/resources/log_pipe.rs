//! A log that nobody reads.

use std::time::Duration;

use super::TIMEOUT;
use crate::support::{TestSidecar, wait_until};

/// The pipe and the queue hold less than this many lines with such a path.
const REQUESTS: u16 = 900;

async fn dropped(sidecar: &crate::support::Sidecar) -> f64 {
    sidecar.metric("sidegate_log_lines_dropped_total", &[]).await
}

#[tokio::test]
async fn requests_are_answered_while_nobody_reads_the_log_and_lost_lines_are_counted_and_reported() {
    let mut sidecar = TestSidecar::new().route("/**", "public").unread_log().start().await;
    let path = format!("/{}", "x".repeat(12_000));
    for _ in 0..REQUESTS {
        assert_eq!(sidecar.get(&path).send().await.status(), 200);
    }
    assert_eq!(sidecar.admin("GET", "/livez").send().await.status(), 200);
    let lost = dropped(&sidecar).await;
    assert!(lost > 0.0 && lost < f64::from(REQUESTS), "{lost}");

    sidecar.read_log();
    wait_until("the log says what is missing", TIMEOUT, async || {
        sidecar
            .logs()
            .contains("log lines were dropped, because the log was not read")
    })
    .await;
    sidecar.get("/afterwards").send().await;
    wait_until("new lines are written", TIMEOUT, async || {
        sidecar.logs().contains("/afterwards")
    })
    .await;
    assert!((dropped(&sidecar).await - lost).abs() < 0.5, "nothing is lost any more");
}

#[tokio::test]
async fn a_process_whose_log_nobody_reads_ends_when_it_is_told_to() {
    let mut sidecar = TestSidecar::new().route("/**", "public").unread_log().start().await;
    for _ in 0..200 {
        sidecar.get(&format!("/{}", "x".repeat(1_000))).send().await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(10), sidecar.stop()).await;
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn the_last_lines_of_a_process_are_written() {
    let mut sidecar = TestSidecar::new().start().await;
    assert!(sidecar.stop().await.success());
    wait_until("the last line is read", TIMEOUT, async || {
        sidecar.logs().contains("drained")
    })
    .await;
}
