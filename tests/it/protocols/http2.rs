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
    unread: Vec<u8>,
}

impl Raw {
    async fn open(sidecar: &Sidecar) -> Self {
        let mut connection = sidecar.connect().await;
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let unread = Vec::new();
        let mut raw = Self { connection, unread };
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

    /// The code of a refusal, the status of a response without a body, or how the stream ended otherwise.
    async fn outcome(&mut self, stream: u32) -> String {
        let mut body = Vec::new();
        loop {
            let Some((kind, flags, of, payload)) = self.next_frame().await else {
                return "closed".to_owned();
            };
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            let ends = flags & END_STREAM != 0;
            match kind {
                0 if of == stream => {
                    body.extend(&payload);
                    if ends {
                        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
                        return problem["code"].as_str().unwrap_or("no refusal").to_owned();
                    }
                }
                // The status comes first, and is one of the static table (RFC 7541 appendix A).
                1 if of == stream && ends => {
                    let statuses = ["200", "204", "206", "304", "400", "404", "500"];
                    let index = usize::from(payload[0] & 0x7f).checked_sub(8);
                    return index
                        .and_then(|index| statuses.get(index))
                        .unwrap_or(&"other")
                        .to_string();
                }
                3 if of == stream => return format!("stream error {}", number(0)),
                7 => return format!("connection error {}", number(4)),
                _ => {}
            }
        }
    }

    /// Type, flags, stream and payload of the next frame.
    async fn next_frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.exactly(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let payload = self.exactly(length as usize).await?;
        Some((head[3], head[4], stream, payload))
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            let more = self.connection.bytes().await;
            if more.is_empty() {
                return None;
            }
            self.unread.extend(more);
        }
        Some(self.unread.drain(..length).collect())
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
    // 1 is PROTOCOL_ERROR: what the HTTP/2 library refuses itself.
    for (name, value, outcome) in [
        ("transfer-encoding", "chunked", "stream error 1"),
        ("connection", "x-forwarded-user", "stream error 1"),
        ("upgrade", "websocket", "stream error 1"),
        ("host", "b", "400"),
        ("content-length", "5", "stream error 1"),
        ("x", "a\r\nx-forwarded-user: root", "connection error 1"),
        ("transfer_encoding", "chunked", "framing_invalid"),
        ("transfer.encoding", "chunked", "framing_invalid"),
        ("content_length", "0", "framing_invalid"),
        ("x", " a", "header_invalid"),
        ("x", "a\t", "header_invalid"),
        (":path", "/other", "stream error 1"),
    ] {
        let mut raw = Raw::open(&sidecar).await;
        let fields = [&GET[..], &[(name, value)]].concat();
        raw.request(1, END_STREAM | END_HEADERS, &fields).await;
        assert_eq!(raw.outcome(1).await, outcome, "{name}: {value:?}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
    for (name, value) in [("content-length", "0"), ("x", "a b"), ("content-lengths", "5")] {
        let mut raw = Raw::open(&sidecar).await;
        let fields = [&GET[..], &[(name, value)]].concat();
        raw.request(1, END_STREAM | END_HEADERS, &fields).await;
        assert_eq!(raw.outcome(1).await, "no refusal", "{name}: {value:?}");
    }
}

/// The HTTP/2 library removes a fragment before anybody sees it, so that what is authorized is what is forwarded.
#[tokio::test]
async fn a_fragment_of_an_http_2_path_reaches_nobody() {
    let sidecar = TestSidecar::new()
        .route("/open/**", "public")
        .route("/**", "authenticated")
        .start()
        .await;
    for (path, outcome) in [
        ("/open/x#/../../admin", "no refusal"),
        ("/admin#/open/x", "credentials_missing"),
    ] {
        let mut raw = Raw::open(&sidecar).await;
        let fields = [GET[0], GET[1], GET[2], (":path", path)];
        raw.request(1, END_STREAM | END_HEADERS, &fields).await;
        assert_eq!(raw.outcome(1).await, outcome, "{path}");
    }
    let targets: Vec<_> = sidecar
        .upstream()
        .seen()
        .iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert_eq!(targets, ["/open/x"]);
}

#[tokio::test]
async fn trailers_of_an_http_2_request_reach_nobody_whatever_they_contain() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    for trailer in [(":path", "/other"), (":status", "200"), ("x-forwarded-user", "root")] {
        let mut raw = Raw::open(&sidecar).await;
        let fields = [(":method", "POST"), GET[1], GET[2], GET[3]];
        raw.request(1, END_HEADERS, &fields).await;
        raw.frame(0, 0, 1, b"body").await;
        raw.request(1, END_STREAM | END_HEADERS, &[trailer]).await;
        raw.outcome(1).await;
    }
    for seen in sidecar.upstream().seen() {
        assert_eq!((seen.target(), seen.body.as_str()), ("/x", "body"), "{seen:?}");
        assert!(!format!("{seen:?}").contains("root"), "{seen:?}");
    }
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
