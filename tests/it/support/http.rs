//! A client that sends exact bytes: others normalize paths, header names and framing, and attackers do not.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::upstream::Seen;

/// The timeout of a response, so that a test fails and does not hang.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One connection to the sidecar.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Self {
        Self::try_open(port).await.expect("the sidecar accepts a connection")
    }

    /// `None` if the connection was refused.
    pub async fn try_open(port: u16) -> Option<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        stream.set_nodelay(true).unwrap();
        Some(Self {
            stream,
            unread: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        // If the sidecar responds early and closes the connection, a write fails; its response has to be read still.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads one response; `None` if the connection is closed without one.
    pub async fn answer(&mut self, to_head: bool) -> Option<Answer> {
        loop {
            let head = self.read_past(b"\r\n\r\n").await?;
            let answer = self.body_of(Head::parse(&head), to_head).await;
            // 100 Continue and its like precede the answer.
            if answer.status() >= 200 || answer.status() == 101 {
                return Some(answer);
            }
        }
    }

    /// The following bytes, at least one unless the connection was closed: for data that is no longer HTTP.
    pub async fn bytes(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            self.fill().await;
        }
        std::mem::take(&mut self.unread)
    }

    /// Reads until `wanted` was received, in the response or after it.
    pub async fn read_until(&mut self, wanted: &[u8]) {
        while !self.unread.windows(wanted.len()).any(|window| window == wanted) {
            assert!(
                self.fill().await > 0,
                "the connection ended before {:?} came",
                String::from_utf8_lossy(wanted)
            );
        }
    }

    /// Whether the other side closes the connection within `wait` without sending anything.
    pub async fn is_closed_within(&mut self, wait: Duration) -> bool {
        timeout(wait, self.fill()).await == Ok(0)
    }

    async fn body_of(&mut self, head: Head, to_head: bool) -> Answer {
        let bodiless = to_head || head.status < 200 || head.status == 204 || head.status == 304;
        let body = if bodiless {
            Vec::new()
        } else if head
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            self.chunks().await
        } else if let Some(length) = head.header("content-length") {
            self.exactly(length.parse().expect("a length is a number")).await
        } else {
            while self.fill().await > 0 {}
            std::mem::take(&mut self.unread)
        };
        Answer { head, body }
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.read_past(b"\r\n").await.expect("a chunk's size");
            let size = String::from_utf8(size).unwrap();
            let size =
                usize::from_str_radix(size.trim().split(';').next().unwrap(), 16).expect("a size in hexadecimal");
            let mut chunk = self.exactly(size + 2).await;
            chunk.truncate(size);
            body.append(&mut chunk);
            if size == 0 {
                return body;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            let (have, more) = (self.unread.len(), self.fill().await);
            assert!(more > 0, "the answer was cut after {have} of {length} bytes");
        }
        self.unread.drain(..length).collect()
    }

    async fn read_past(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            if self.fill().await == 0 {
                assert!(
                    self.unread.is_empty(),
                    "cut off: {:?}",
                    String::from_utf8_lossy(&self.unread)
                );
                return None;
            }
        }
    }

    /// Reads once; 0 if the connection was closed or reset.
    async fn fill(&mut self) -> usize {
        let read = timeout(TIMEOUT, self.stream.read_buf(&mut self.unread)).await;
        read.expect("the sidecar answers in time").unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not an HTTP answer: {status_line:?}"));
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { status, headers }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A response of the sidecar.
#[derive(Debug, Clone)]
pub struct Answer {
    head: Head,
    body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first header called `name` (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// All headers called `name` (in lower case), in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.head
            .headers
            .iter()
            .filter(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status(), self.text()))
    }

    /// The code in the body of a refusal.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status(),
            self.text()
        );
        self.json()["code"].as_str().expect("a problem has a code").to_owned()
    }

    /// The request as the upstream received it.
    #[track_caller]
    pub fn upstream_saw(&self) -> Seen {
        assert!(
            self.reached_upstream(),
            "the upstream did not answer this: {} {}",
            self.status(),
            self.text()
        );
        Seen::from_json(&self.json())
    }

    /// Whether the response came from the upstream.
    pub fn reached_upstream(&self) -> bool {
        self.header("x-test-upstream").is_some()
    }
}
