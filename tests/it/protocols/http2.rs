//! HTTP/2 without TLS, by prior knowledge (h2c).

use std::time::{Duration, Instant};

use serde_json::Value;

use super::TIMEOUT;
use crate::support::{Connection, Sidecar, TestSidecar};

fn client() -> reqwest::Client {
    reqwest::Client::builder().http2_prior_knowledge().build().unwrap()
}

fn url(sidecar: &Sidecar, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", sidecar.port())
}

/// The lines that the upstream received.
async fn lines(answer: reqwest::Response) -> Vec<String> {
    let seen: Value = answer.json().await.unwrap();
    let lines = seen["lines"].as_array().unwrap().iter();
    lines.map(|line| line.as_str().unwrap().to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn a_request_of_http_2_is_judged_and_forwarded_like_any_other() {
    let sidecar = TestSidecar::new().start().await;
    let token = sidecar.user("alice").await.access_token;
    let client = client();
    let refused = client.get(url(&sidecar, "/x")).send().await.unwrap();
    assert_eq!(
        (refused.version(), refused.status().as_u16()),
        (http::Version::HTTP_2, 401)
    );
    let request = client.get(url(&sidecar, "/x")).bearer_auth(&token);
    let request = request
        .header("x_forwarded_user", "root")
        .header("x-forwarded-user", "root");
    let lines = lines(request.send().await.unwrap()).await;
    assert!(
        lines.iter().any(|line| line.starts_with("x-forwarded-user: ")),
        "{lines:?}"
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("root") || line.starts_with("authorization")),
        "{lines:?}"
    );
    assert!(
        lines.contains(&format!("host: 127.0.0.1:{}", sidecar.port())),
        "{lines:?}"
    );
}

#[tokio::test]
async fn cookies_that_http_2_splits_arrive_as_one() {
    let cookie = "auth: { session_cookie: __Host-session }";
    let sidecar = TestSidecar::new().config(cookie).start().await;
    let token = sidecar.user("alice").await.access_token;
    let session = format!("__Host-session={token}");
    let request = client().get(url(&sidecar, "/x"));
    let request = request
        .header("cookie", "a=1")
        .header("cookie", session)
        .header("cookie", "b=2; c=3");
    let lines = lines(request.send().await.unwrap()).await;
    assert!(lines.contains(&"cookie: a=1; b=2; c=3".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_path_with_a_second_reading_is_refused_over_http_2_too() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for path in ["/a/..%2fb", "/a%2fb", "/a;b", "//a", "/a%00"] {
        let answer = client().get(url(&sidecar, path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 400, "{path}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

/// Frames by hand, for what a library does not send.
struct Raw {
    connection: Connection,
}

impl Raw {
    async fn open(sidecar: &Sidecar) -> Self {
        let mut connection = sidecar.connect().await;
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut raw = Self { connection };
        raw.frame(4, 0, 0, &[]).await;
        raw
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.connection.send(&frame).await;
    }

    /// HEADERS of a request; `fields` are literal, without indexing.
    async fn request(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        self.frame(1, flags, stream, &block).await;
    }
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a"),
    (":path", "/x"),
];

#[tokio::test]
async fn a_header_block_of_http_2_that_never_ends_is_cut_off() {
    let limits = "server: { limits: { idle: 1s } }";
    let sidecar = TestSidecar::new().route("/**", "public").config(limits).start().await;
    let mut raw = Raw::open(&sidecar).await;
    raw.request(1, END_STREAM, &GET).await;
    let begun = Instant::now();
    while !raw.connection.bytes().await.is_empty() {
        assert!(begun.elapsed() < TIMEOUT, "still open");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_request_of_http_2_cannot_carry_framing_or_a_second_host() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for extra in [
        ("transfer-encoding", "chunked"),
        ("connection", "x-forwarded-user"),
        ("upgrade", "websocket"),
        ("host", "b"),
        ("content-length", "5"),
        ("x", "a\r\nx-forwarded-user: root"),
    ] {
        let mut raw = Raw::open(&sidecar).await;
        let fields = [&GET[..], &[extra]].concat();
        raw.request(1, END_STREAM | END_HEADERS, &fields).await;
        // The response is a refusal, a reset or the end; what counts is that nothing was forwarded.
        raw.frame(6, 0, 0, &[0; 8]).await;
        raw.connection.bytes().await;
        raw.frame(7, 0, 0, &[0; 8]).await;
        while !raw.connection.bytes().await.is_empty() {}
    }
    let framed = sidecar.upstream().seen();
    assert!(framed.is_empty(), "{framed:?}");
}

/// CVE-2023-44487: streams are opened and reset as fast as they can be written. CVE-2025-8671: the same, but frames
/// that break the rules make the server do the resetting.
#[tokio::test]
async fn streams_that_are_reset_at_once_do_not_keep_others_from_being_served() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for by_server in [false, true] {
        let mut raw = Raw::open(&sidecar).await;
        for number in 0..2000 {
            let stream = 2 * number + 1;
            raw.request(stream, END_STREAM | END_HEADERS, &GET).await;
            if by_server {
                // An increment of 0 is an error of this stream (RFC 9113 section 6.9).
                raw.frame(8, 0, stream, &[0; 4]).await;
            } else {
                raw.frame(3, 0, stream, &[0, 0, 0, 8]).await;
            }
        }
        let begun = Instant::now();
        assert_eq!(sidecar.get("/y").send().await.status(), 200);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    // A client that resets this many streams is disconnected; in any case not all of them reach the application.
    let reached = sidecar.upstream().seen().len();
    assert!(reached < 3000, "{reached} requests reached the upstream");
}
