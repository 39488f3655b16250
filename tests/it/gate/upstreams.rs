//! Responses when the application fails.

use std::time::Duration;

use crate::support::{Behaviour, Port, Sidecar, TestSidecar};

async fn sidecar(upstream: &str) -> Sidecar {
    TestSidecar::new().route("/**", "public").config(upstream).start().await
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_bad_gateway() {
    let nobody = Port::reserve();
    let upstream = format!(
        "upstreams: {{ app: {{ servers: ['http://127.0.0.1:{}'] }} }}",
        nobody.number()
    );
    let sidecar = sidecar(&upstream).await;
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream_unreachable"));
}

#[tokio::test]
async fn an_upstream_that_is_slow_is_a_gateway_timeout() {
    let sidecar = sidecar("upstreams: { app: { timeouts: { read: 200ms } } }").await;
    sidecar.upstream().behave(Behaviour::Slow(Duration::from_secs(30)));
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (504, "upstream_timeout"));
}

#[tokio::test]
async fn an_upstream_that_breaks_off_or_speaks_no_http_is_a_bad_gateway() {
    let sidecar = sidecar("{}").await;
    for behaviour in [Behaviour::Close, Behaviour::Raw(b"SSH-2.0-x\r\n\r\n".into())] {
        sidecar.upstream().behave(behaviour);
        let answer = sidecar.get("/x").send().await;
        assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream_broken"));
    }
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let sidecar = sidecar("upstreams: { app: { retries: 3 } }").await;
    sidecar.upstream().behave(Behaviour::Close);
    assert_eq!(sidecar.post("/x").body("once").send().await.status(), 502);
    assert_eq!(sidecar.upstream().seen().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_the_connection() {
    let sidecar = sidecar("{}").await;
    sidecar.upstream().behave(Behaviour::Cut);
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/x").to_bytes()).await;
    connection.read_until(b"hal").await;
    connection.bytes().await;
    assert!(connection.is_closed_within(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn the_upstreams_own_status_and_headers_arrive() {
    let sidecar = sidecar("{}").await;
    sidecar.upstream().behave(Behaviour::Status(418));
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.reached_upstream()), (418, true));
}
