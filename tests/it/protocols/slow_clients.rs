//! Timeouts and slow clients.

use std::time::{Duration, Instant};

use super::TIMEOUT;
use crate::support::{Connection, Sidecar, TestSidecar};

const START: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n";

async fn impatient() -> Sidecar {
    let limits = "server: { limits: { request_header: 1s, idle: 2s } }";
    TestSidecar::new().route("/**", "public").config(limits).start().await
}

/// Sends a byte of a header now and then until the other side closes the connection. Returns the time since `begun`.
async fn send_byte_by_byte(mut connection: Connection, begun: Instant) -> Duration {
    while !connection.is_closed_within(Duration::from_millis(100)).await {
        assert!(begun.elapsed() < TIMEOUT, "still open");
        connection.send(b"a").await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_header_block_that_arrives_byte_by_byte_is_cut_off() {
    let sidecar = impatient().await;
    for start in [&b""[..], b"P", b"PRI", START] {
        // Before the connection exists: the other side's clock starts when it accepts it.
        let begun = Instant::now();
        let mut connection = sidecar.connect().await;
        connection.send(start).await;
        let held = send_byte_by_byte(connection, begun).await;
        assert!(held >= Duration::from_millis(900), "{held:?} {start:?}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_later_header_block_that_arrives_byte_by_byte_is_cut_off_too() {
    let sidecar = impatient().await;
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/x").to_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 200);
    connection.send(START).await;
    send_byte_by_byte(connection, Instant::now()).await;
    assert_eq!(sidecar.upstream().seen().len(), 1);
}

#[tokio::test]
async fn a_header_block_in_pieces_within_its_time_is_read() {
    let sidecar = impatient().await;
    let mut connection = sidecar.connect().await;
    for _ in 0..3 {
        for piece in sidecar.get("/x").to_bytes().chunks(7) {
            connection.send(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(connection.answer(false).await.unwrap().upstream_saw().target(), "/x");
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_its_time() {
    let sidecar = impatient().await;
    let mut connection = sidecar.connect().await;
    let begun = Instant::now();
    connection.send(&sidecar.get("/x").to_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 200);
    assert!(connection.is_closed_within(TIMEOUT).await);
    assert!(begun.elapsed() >= Duration::from_millis(1900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_slow_answer_is_no_slow_client() {
    let sidecar = impatient().await;
    sidecar
        .upstream()
        .behave(crate::support::Behaviour::Slow(Duration::from_secs(3)));
    assert_eq!(sidecar.get("/x").send().await.status(), 200);
}
