//! `WebSocket`, and everything else that asks to become another protocol.

use super::TIMEOUT;
use crate::support::{Behaviour, TestSidecar};

const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn a_websocket_is_passed_through_both_ways() {
    let sidecar = TestSidecar::new().start().await;
    let token = sidecar.user("alice").await.access_token;
    let mut connection = sidecar.connect().await;
    let head = format!("GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{WEBSOCKET}\r\n");
    connection.send(head.as_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 101);
    for message in [&b"\x81\x02hi"[..], b"\x81\x03you"] {
        connection.send(message).await;
        connection.read_until(message).await;
    }
    let seen = &sidecar.upstream().seen()[0];
    assert!(seen.header("X-Forwarded-User").is_some());
    assert_eq!(seen.header("Authorization"), None);
}

#[tokio::test]
async fn a_websocket_needs_the_routes_credential() {
    let sidecar = TestSidecar::new().start().await;
    let head = format!("GET /ws HTTP/1.1\r\nHost: a\r\n{WEBSOCKET}\r\n");
    assert_eq!(sidecar.raw(head.as_bytes()).await.unwrap().status(), 401);
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn what_follows_an_upgrade_that_the_upstream_declines_is_no_request() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let declined = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
    sidecar.upstream().behave(Behaviour::Raw(declined.into()));
    let mut connection = sidecar.connect().await;
    let head = format!("GET /ws HTTP/1.1\r\nHost: a\r\n{WEBSOCKET}\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(head.as_bytes()).await;
    let answer = connection.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "no"));
    assert!(connection.is_closed_within(TIMEOUT).await);
    assert_eq!(sidecar.upstream().seen().len(), 1);
}

#[tokio::test]
async fn an_upgrade_that_is_not_meant_for_this_connection_is_none() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let handshake = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for request in [
        "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n",
        "GET /x HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
    ] {
        let body = if request.contains("Content-Length") {
            "hello"
        } else {
            ""
        };
        let whole = format!("{request}{handshake}{body}");
        let answer = sidecar.raw(whole.as_bytes()).await.unwrap();
        let seen = answer.upstream_saw();
        assert_eq!((answer.status(), seen.header("Upgrade")), (200, None), "{request}");
    }
}

#[tokio::test]
async fn other_upgrades_are_not_passed_on() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for upgrade in ["h2c", "TLS/1.0", "foo", "websocket, h2c"] {
        let request = sidecar.get("/x").header("Connection", "Upgrade, HTTP2-Settings");
        let request = request
            .header("Upgrade", upgrade)
            .header("HTTP2-Settings", "AAMAAABkAAQAAP__");
        let seen = request.send().await.upstream_saw();
        assert_eq!(
            (seen.header("Upgrade"), seen.header("HTTP2-Settings")),
            (None, None),
            "{upgrade}"
        );
    }
}
