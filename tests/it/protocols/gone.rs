//! Clients that stop sending a body, or leave.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::TIMEOUT;
use crate::support::{Behaviour, Sidecar, TestSidecar, wait_until};

async fn hurried() -> Sidecar {
    let timeouts = "upstreams: { app: { timeouts: { read: 1s } } }";
    TestSidecar::new().route("/**", "public").config(timeouts).start().await
}

/// The access log's line for a path.
async fn line(sidecar: &Sidecar, path: &str) -> Value {
    let find = || {
        let logs = sidecar.logs();
        let mut lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["path"] == path)
    };
    wait_until("the request is logged", TIMEOUT, async || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_is_logged_as_gone_and_not_as_an_error() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for path in ["/auth/login", "/x"] {
        for framing in [
            "Content-Length: 100\r\n\r\n{",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
        ] {
            let path = format!("{path}/{}", framing.len());
            let mut connection = sidecar.connect().await;
            let request = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}");
            connection.send(request.as_bytes()).await;
            drop(connection);
            let line = line(&sidecar, &path).await;
            assert_eq!(
                (&line["code"], &line["status"]),
                (&"client_gone".into(), &0.into()),
                "{line}"
            );
        }
    }
    assert!(!sidecar.logs().contains(r#""status":5"#), "{}", sidecar.logs());
}

#[tokio::test]
async fn a_client_that_leaves_before_a_slow_response_is_logged_as_gone() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    sidecar.upstream().behave(Behaviour::Slow(Duration::from_secs(30)));
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/x").to_bytes()).await;
    wait_until("the upstream has the request", TIMEOUT, async || {
        !sidecar.upstream().seen().is_empty()
    })
    .await;
    drop(connection);
    assert_eq!(line(&sidecar, "/x").await["code"], "client_gone");
}

#[tokio::test]
async fn a_body_that_stops_is_the_clients_timeout_and_a_slow_response_the_applications() {
    let sidecar = hurried().await;
    sidecar.upstream().behave(Behaviour::Slow(Duration::from_secs(30)));
    for (body, refusal) in [
        ("Content-Length: 10\r\n\r\nhello", (408, "request_timeout")),
        ("Content-Length: 10\r\n\r\n", (408, "request_timeout")),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhel", (408, "request_timeout")),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            (504, "upstream_timeout"),
        ),
        ("Content-Length: 5\r\n\r\nhello", (504, "upstream_timeout")),
        ("\r\n", (504, "upstream_timeout")),
    ] {
        let mut connection = sidecar.connect().await;
        let request = format!("POST /x HTTP/1.1\r\nHost: a\r\n{body}");
        connection.send(request.as_bytes()).await;
        let answer = connection.answer(false).await.unwrap();
        assert_eq!((answer.status(), answer.code().as_str()), refusal, "{body:?}");
    }
    let labels = [("upstream", "app"), ("reason", "read_timeout")];
    let timeouts = sidecar.metric("sidegate_upstream_errors_total", &labels).await;
    assert!((timeouts - 3.0).abs() < 0.1, "{timeouts}");
}

#[tokio::test]
async fn bytes_of_a_chunk_extension_are_no_progress() {
    let sidecar = hurried().await;
    let mut connection = sidecar.connect().await;
    let unfinished = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;";
    connection.send(unfinished).await;
    let begun = Instant::now();
    while !connection.is_closed_within(Duration::from_millis(50)).await {
        assert!(begun.elapsed() < TIMEOUT, "still open");
        connection.send(b"a").await;
    }
    let answer = connection.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.code().as_str()), (408, "request_timeout"));
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_body_that_takes_longer_than_the_applications_timeout_arrives() {
    let sidecar = hurried().await;
    let mut connection = sidecar.connect().await;
    connection
        .send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        connection.send(b"a").await;
        assert!(!connection.is_closed_within(Duration::from_millis(150)).await);
    }
    assert_eq!(
        connection.answer(false).await.unwrap().upstream_saw().body,
        "a".repeat(10)
    );
}
