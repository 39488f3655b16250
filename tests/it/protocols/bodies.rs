//! Request bodies: with a length, with 100 Continue, streamed, unread.

use std::sync::Arc;

use tokio::sync::Notify;

use super::TIMEOUT;
use crate::support::{Behaviour, TestSidecar};

const EXPECTING: &[u8] = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

#[tokio::test]
async fn the_upstreams_100_continue_is_passed_on() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    sidecar.upstream().behave(Behaviour::Continue);
    let mut connection = sidecar.connect().await;
    connection.send(EXPECTING).await;
    connection.read_until(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    connection.send(b"body").await;
    assert_eq!(connection.answer(false).await.unwrap().upstream_saw().body, "body");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_and_is_refused_does_not_send_the_body() {
    let sidecar = TestSidecar::new().start().await;
    let mut connection = sidecar.connect().await;
    connection.send(EXPECTING).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 401);
    assert!(connection.is_closed_within(TIMEOUT).await);
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_body_that_was_refused_unread_is_no_next_request() {
    let sidecar = TestSidecar::new().start().await;
    let token = sidecar.user("alice").await.access_token;
    let hidden = String::from_utf8(sidecar.get("/smuggled").bearer(&token).to_bytes()).unwrap();
    for path in ["/x", "/a/../b", "/nowhere"] {
        let mut connection = sidecar.connect().await;
        connection
            .send(&sidecar.post(path).body(hidden.as_bytes()).to_bytes())
            .await;
        assert!(connection.answer(false).await.unwrap().status() >= 400);
        assert!(connection.is_closed_within(TIMEOUT).await, "{path}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn the_endpoints_answer_a_client_that_waits_for_100_continue() {
    let sidecar = TestSidecar::new().start().await;
    let mut connection = sidecar.connect().await;
    let head = "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    connection
        .send(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes())
        .await;
    connection.read_until(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    connection.send(b"{}").await;
    assert!(connection.answer(false).await.unwrap().status() >= 400);
}

#[tokio::test]
async fn chunks_arrive_whole_and_their_trailers_do_not() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let request = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX-Forwarded-User: root\r\n\r\n";
    let seen = sidecar.raw(request.as_bytes()).await.unwrap().upstream_saw();
    assert_eq!(seen.body, "abcd");
    assert_eq!(seen.header_family("x-forwarded-user"), [""; 0]);
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let next = Arc::new(Notify::new());
    sidecar.upstream().behave(Behaviour::Events(Arc::clone(&next)));
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/events").to_bytes()).await;
    connection.read_until(b"data: 1\n\n").await;
    next.notify_one();
    connection.read_until(b"data: 2\n\n").await;
}
