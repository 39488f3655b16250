//! Chunked request bodies: RFC 9112 section 7.1, byte by byte.

use super::TIMEOUT;
use crate::support::{Behaviour, Connection, TestSidecar};

/// Bodies that one server repairs and another does not, each malformed after its first byte.
const MALFORMED: [&str; 9] = [
    "5 \r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5;a\0\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n;a\r\n\r\n",
    "5\r\nhello\r\n\r\n\r\n",
    "5\r\nhello\r\n0\r\nA\r\n\r\n",
    "5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
];

fn head(path: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n{more}\r\n"
    )
}

async fn assert_refused(mut connection: Connection, body: &str) {
    let answer = connection.answer(false).await.unwrap_or_else(|| panic!("{body:?}"));
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (400, "framing_invalid"),
        "{body:?}"
    );
    assert!(connection.is_closed_within(TIMEOUT).await, "{body:?}");
}

#[tokio::test]
async fn a_malformed_chunk_that_comes_with_the_headers_is_refused() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for path in ["/x", "/auth/login", "/.well-known/openid-configuration"] {
        for body in MALFORMED {
            let mut connection = sidecar.connect().await;
            connection.send((head(path, "") + body).as_bytes()).await;
            assert_refused(connection, body).await;
        }
    }
    assert_eq!(sidecar.upstream().seen(), []);
    let labels = [("reason", "smuggling")];
    let rejected = sidecar.metric("sidegate_requests_rejected_total", &labels).await;
    assert!((rejected - 27.0).abs() < 0.1, "{rejected}");
}

#[tokio::test]
async fn a_malformed_chunk_that_comes_later_is_refused_and_the_upstream_never_gets_the_end_of_the_body() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    sidecar.upstream().behave(Behaviour::Continue);
    for path in ["/x", "/auth/login", "/.well-known/openid-configuration"] {
        for body in MALFORMED {
            for at in [0, 1, body.len() - 1] {
                let mut connection = sidecar.connect().await;
                connection.send(head(path, "Expect: 100-continue\r\n").as_bytes()).await;
                connection.read_until(b"100 Continue\r\n\r\n").await;
                connection.send(&body.as_bytes()[..at]).await;
                connection.send(&body.as_bytes()[at..]).await;
                assert_refused(connection, body).await;
            }
        }
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn chunks_by_the_grammar_arrive_in_any_pieces_and_the_connection_is_kept() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let body = "5;a;b=c;d=\"e \\\" f\"\r\nhello\r\n0001 ; g\r\n!\r\n000\r\nA: b\r\n\r\n";
    let mut connection = sidecar.connect().await;
    for size in [1, 2, 7, 1000] {
        for piece in (head("/x", "") + body).as_bytes().chunks(size) {
            connection.send(piece).await;
        }
        let seen = connection.answer(false).await.unwrap().upstream_saw();
        assert_eq!(seen.body, "hello!", "{size}");
    }
    connection.send(&sidecar.get("/next").to_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().upstream_saw().target(), "/next");
}

#[tokio::test]
async fn a_large_chunked_body_arrives_whole() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let mut connection = sidecar.connect().await;
    connection.send(head("/x", "").as_bytes()).await;
    for _ in 0..64 {
        connection
            .send(format!("2000;signature={}\r\n", "a".repeat(64)).as_bytes())
            .await;
        connection.send(&[b"x".repeat(0x2000), b"\r\n".to_vec()].concat()).await;
    }
    connection.send(b"0\r\n\r\n").await;
    let seen = connection.answer(false).await.unwrap().upstream_saw();
    assert_eq!(seen.body.len(), 64 * 0x2000);
}
