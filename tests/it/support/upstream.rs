//! An application that answers with the bytes it received, and misbehaves on demand.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::BACKSTAGE;

/// The behaviour of the upstream.
#[derive(Debug, Clone, Default)]
pub enum Behaviour {
    /// Responds 200 with the request it received.
    #[default]
    Echo,
    /// Like `Echo`, after a delay.
    Slow(Duration),
    /// Like `Echo`, with another status.
    Status(u16),
    /// Closes the connection without a response.
    Close,
    /// Closes it in the middle of the response.
    Cut,
    /// Sends these bytes.
    Raw(Vec<u8>),
    /// Sends an endless response, a byte now and then.
    Dribble,
    /// Sends an interim response now and then, and no final one.
    Hesitate(Duration),
    /// Sends 100 Continue if the client expects it, before it reads the body, and then echoes.
    Continue,
    /// Sends one event, and the second on demand.
    Events(Arc<Notify>),
}

/// A running upstream. It is stopped with the value.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    seen: Mutex<Vec<Seen>>,
}

impl Upstream {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let (listener, address) = BACKSTAGE
            .spawn(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let address = listener.local_addr().unwrap();
                (listener, address)
            })
            .await
            .unwrap();
        let accepting = BACKSTAGE.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes its behaviour.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A request, byte for byte. A byte is shown as the character of the same number, so that none is lost in a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The first line, without its end.
    pub request_line: String,
    /// The header lines, without their ends, in order.
    pub lines: Vec<String>,
    /// The body, after chunks were joined.
    pub body: String,
}

impl Seen {
    pub(super) fn from_json(json: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            request_line: text(&json["request_line"]),
            lines: json["lines"].as_array().unwrap().iter().map(text).collect(),
            body: text(&json["body"]),
        }
    }

    fn to_json(&self) -> Value {
        json!({ "request_line": self.request_line, "lines": self.lines, "body": self.body })
    }

    /// The request target.
    pub fn target(&self) -> &str {
        self.request_line.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the only header called `name`, whatever its case.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.values(|header| header.eq_ignore_ascii_case(name));
        assert!(values.len() < 2, "more than one {name}: {:?}", self.lines);
        values.first().copied()
    }

    /// The values of all headers an application might take for `name`: whatever their case, and with any character that
    /// is no letter or digit read as `-`.
    pub fn header_family(&self, name: &str) -> Vec<&str> {
        let folded = |name: &str| {
            let fold = |c: char| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            };
            name.chars().map(fold).collect::<String>()
        };
        self.values(|header| folded(header) == folded(name))
    }

    fn values(&self, is_meant: impl Fn(&str) -> bool) -> Vec<&str> {
        let headers = self.lines.iter().filter_map(|line| line.split_once(':'));
        headers
            .filter(|(header, _)| is_meant(header))
            .map(|(_, value)| value.trim())
            .collect()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // The test closes connections early on purpose.
            let shared = Arc::clone(&shared);
            connections.spawn(async move { drop(converse(stream, &shared).await) });
        }
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut unread = Vec::new();
    while let Some(seen) = request(&mut stream, &mut unread, shared).await? {
        shared.seen.lock().unwrap().push(seen.clone());
        let behaviour = shared.behaviour.lock().unwrap().clone();
        let mut status = 200;
        match behaviour {
            Behaviour::Echo | Behaviour::Continue => {}
            Behaviour::Slow(delay) => tokio::time::sleep(delay).await,
            Behaviour::Status(other) => status = other,
            Behaviour::Close => return Ok(()),
            Behaviour::Cut => {
                return stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")
                    .await;
            }
            Behaviour::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                continue;
            }
            Behaviour::Dribble => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    stream.write_all(b".").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Behaviour::Hesitate(every) => loop {
                stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await?;
                tokio::time::sleep(every).await;
            },
            Behaviour::Events(next) => {
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head).await?;
                stream.write_all(b"9\r\ndata: 1\n\n\r\n").await?;
                next.notified().await;
                stream.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n").await?;
                continue;
            }
        }
        if seen.header("upgrade").is_some() {
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            stream.write_all(switch).await?;
            let (mut reader, mut writer) = stream.split();
            return tokio::io::copy(&mut reader, &mut writer).await.map(drop);
        }
        let body = seen.to_json().to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Whatever\r\nX-Test-Upstream: saw\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let to_head = seen.request_line.starts_with("HEAD ");
        stream
            .write_all(if to_head { head.clone() } else { head + &body }.as_bytes())
            .await?;
    }
    Ok(())
}

async fn request(stream: &mut TcpStream, unread: &mut Vec<u8>, shared: &Shared) -> io::Result<Option<Seen>> {
    let Some(head) = read_past(stream, unread, b"\r\n\r\n").await? else {
        return Ok(None);
    };
    let head = latin1(&head);
    let mut lines = head.trim_end_matches("\r\n").split("\r\n").map(str::to_owned);
    let request_line = lines.next().unwrap_or_default();
    let mut seen = Seen {
        request_line,
        lines: lines.collect(),
        body: String::new(),
    };
    let continues = matches!(*shared.behaviour.lock().unwrap(), Behaviour::Continue);
    if continues && seen.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = if seen
        .values(|name| name.eq_ignore_ascii_case("transfer-encoding"))
        .is_empty()
    {
        let length = seen
            .values(|name| name.eq_ignore_ascii_case("content-length"))
            .first()
            .map(|length| length.parse());
        exactly(stream, unread, length.and_then(Result::ok).unwrap_or(0)).await?
    } else {
        chunks(stream, unread).await?
    };
    seen.body = latin1(&body);
    Ok(Some(seen))
}

async fn chunks(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_past(stream, unread, b"\r\n").await?.unwrap_or_default();
        let size = usize::from_str_radix(latin1(&line).trim().split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let mut chunk = exactly(stream, unread, size + 2).await?;
        chunk.truncate(size);
        body.append(&mut chunk);
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn exactly(stream: &mut TcpStream, unread: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while unread.len() < length {
        if stream.read_buf(unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(unread.drain(..length).collect())
}

async fn read_past(stream: &mut TcpStream, unread: &mut Vec<u8>, end: &[u8]) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = unread.windows(end.len()).position(|window| window == end) {
            return Ok(Some(unread.drain(..at + end.len()).collect()));
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
