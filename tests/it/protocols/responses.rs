//! Responses of applications: read as strictly as requests.

use std::time::{Duration, Instant};

use super::TIMEOUT;
use crate::support::{Behaviour, Sidecar, TestSidecar};

async fn open(config: &str) -> Sidecar {
    TestSidecar::new().route("/**", "public").config(config).start().await
}

#[tokio::test]
async fn a_response_with_two_lengths_is_a_bad_gateway() {
    let sidecar = open("{}").await;
    for fields in [
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "Content-Length: +2",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Connection: content-length\r\nContent-Length: 2",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
        sidecar.upstream().behave(Behaviour::Raw(response.into_bytes()));
        let answer = sidecar.get("/x").send().await;
        let refused = (answer.status(), answer.code());
        assert_eq!(refused, (502, "upstream_broken".to_owned()), "{fields:?}");
    }
}

#[tokio::test]
async fn what_the_applications_connection_header_names_stays_here() {
    let sidecar = open("{}").await;
    let response = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Internal\r\nX-Internal: secret\r\nX-Kept: 1\r\n\
                    Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nhi";
    sidecar.upstream().behave(Behaviour::Raw(response.into()));
    let answer = sidecar.get("/x").send().await;
    let header = |name| answer.header(name);
    assert_eq!(
        (header("x-internal"), header("keep-alive"), header("x-kept")),
        (None, None, Some("1"))
    );
    assert_eq!(answer.headers("connection"), ["keep-alive"]);
    assert_eq!(answer.text(), "hi");
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_does_not_reach_the_client() {
    let sidecar = open("{}").await;
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let asking = format!("GET /x HTTP/1.1\r\nHost: a\r\n{websocket}\r\n");
    let plain = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let other = "Connection: Upgrade\r\nUpgrade: foo\r\n";
    for (request, fields) in [(plain, websocket), (plain, ""), (&asking, other), (&asking, "")] {
        let response = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
        sidecar.upstream().behave(Behaviour::Raw(response.into_bytes()));
        let answer = sidecar.raw(request.as_bytes()).await.unwrap();
        let refused = (answer.status(), answer.code());
        assert_eq!(refused, (502, "upstream_broken".to_owned()), "{request:?} {fields:?}");
    }
    sidecar.upstream().behave(Behaviour::Echo);
    assert_eq!(sidecar.raw(asking.as_bytes()).await.unwrap().status(), 101);
}

#[tokio::test]
async fn interim_responses_do_not_replace_the_final_one() {
    let sidecar = open("upstreams: { app: { timeouts: { read: 500ms } } }").await;
    let every = Duration::from_millis(100);
    sidecar.upstream().behave(Behaviour::Hesitate(every));
    let begun = Instant::now();
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (504, "upstream_timeout"));
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn interim_responses_without_an_end_are_a_bad_gateway() {
    let sidecar = open("{}").await;
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (count, status) in [(3, 200), (16, 200), (17, 502)] {
        let response = hints.repeat(count) + last;
        sidecar.upstream().behave(Behaviour::Raw(response.into_bytes()));
        assert_eq!(sidecar.get("/x").send().await.status(), status, "{count}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_no_interim_response() {
    let sidecar = open("{}").await;
    let response =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    sidecar.upstream().behave(Behaviour::Raw(response.into()));
    for (version, first) in [("1.0", "HTTP/1.1 200"), ("1.1", "HTTP/1.1 100")] {
        let mut connection = sidecar.connect().await;
        let request = format!("GET /x HTTP/{version}\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
        connection.send(request.as_bytes()).await;
        let mut begin = Vec::new();
        while begin.len() < first.len() {
            begin.extend(connection.bytes().await);
        }
        assert!(
            begin.starts_with(first.as_bytes()),
            "{}",
            String::from_utf8_lossy(&begin)
        );
    }
    let expected: Vec<_> = sidecar
        .upstream()
        .seen()
        .iter()
        .map(|seen| seen.header("Expect").is_some())
        .collect();
    assert_eq!(expected, [false, true]);
}
