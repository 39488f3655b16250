//! HTTP/1.0 and HTTP/1.1.

use super::TIMEOUT;
use crate::support::{Behaviour, Sidecar, TestSidecar};

async fn open() -> Sidecar {
    TestSidecar::new().route("/**", "public").start().await
}

#[tokio::test]
async fn a_request_of_http_1_0_is_answered_and_the_connection_closed() {
    let sidecar = open().await;
    let mut connection = sidecar.connect().await;
    connection.send(b"GET / HTTP/1.0\r\n\r\n").await;
    let seen = connection.answer(false).await.unwrap().upstream_saw();
    assert_eq!(seen.request_line, "GET / HTTP/1.1");
    // HTTP/1.1 requires one.
    let server = sidecar.upstream().address().to_string();
    assert_eq!(seen.header("Host"), Some(server.as_str()));
    assert_eq!(seen.header("X-Forwarded-Host"), None);
    assert!(connection.is_closed_within(TIMEOUT).await);
}

#[tokio::test]
async fn a_client_of_http_1_0_never_sees_chunks() {
    let sidecar = open().await;
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    sidecar.upstream().behave(Behaviour::Raw(chunked.into()));
    let answer = sidecar.raw(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(
        (answer.header("transfer-encoding"), answer.text().as_str()),
        (None, "hi")
    );
}

#[tokio::test]
async fn a_connection_is_closed_when_the_client_asks_for_it() {
    let sidecar = open().await;
    let mut connection = sidecar.connect().await;
    connection
        .send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 200);
    assert!(connection.is_closed_within(TIMEOUT).await);
}

#[tokio::test]
async fn an_absolute_form_is_forwarded_as_a_path() {
    let sidecar = open().await;
    for target in ["http://app.test:81/a?b=c", "HTTPS://app.test:81/a?b=c"] {
        let seen = sidecar.get(target).host("app.test:81").send().await.upstream_saw();
        assert_eq!((seen.target(), seen.header("Host")), ("/a?b=c", Some("app.test:81")));
    }
    assert_eq!(
        sidecar
            .get("http://other.test/a")
            .host("app.test")
            .send()
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn the_first_of_pipelined_requests_is_answered_and_the_connection_closed() {
    let sidecar = open().await;
    let mut connection = sidecar.connect().await;
    let requests = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.send(requests.as_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().upstream_saw().target(), "/1");
    assert!(connection.is_closed_within(TIMEOUT).await);
    assert_eq!(sidecar.upstream().seen().len(), 1);
}

#[tokio::test]
async fn a_request_for_the_server_as_a_whole_has_no_route() {
    let sidecar = open().await;
    assert_eq!(sidecar.request("OPTIONS", "*").send().await.code(), "route_not_found");
    assert_eq!(sidecar.request("TRACE", "/").send().await.code(), "method_not_allowed");
    assert_eq!(
        sidecar.request("CONNECT", "a:80").host("a:80").send().await.status(),
        405
    );
}
