//! The application behind `sidegate dev` if none is named: it answers every request with what it received, to show
//! which headers reach an application.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::content_length;

/// The longest request line and headers, in bytes, so that a client cannot fill the memory.
const HEAD_BYTES: u64 = 64 << 10;

/// How long an idle connection is kept open.
const IDLE: Duration = Duration::from_secs(300);

/// The running echo application. It ends with the process.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
}

impl Echo {
    /// The address it listens on: a free loopback port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts the echo application on a thread and a runtime of its own.
///
/// # Errors
/// When no loopback port or no thread is available.
pub fn start() -> io::Result<Echo> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("echo".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(converse(stream))),
                    // Most likely out of file descriptors, which become free again.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    })?;
    Ok(Echo { address })
}

async fn converse(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(head) = head(&mut stream).await? {
        skip_body(&mut stream, &head).await?;
        stream.get_mut().write_all(answer(&head).as_bytes()).await?;
        if head.wants_close() {
            break;
        }
    }
    Ok(())
}

/// Request line and headers, as they were received.
#[derive(Serialize)]
struct Head {
    method: String,
    target: String,
    headers: Vec<String>,
}

impl Head {
    fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter().filter_map(|line| line.split_once(':'));
        fields
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    fn wants_close(&self) -> bool {
        self.value("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    let mut lines = stream.take(HEAD_BYTES);
    let mut request_line = String::new();
    let mut headers = Vec::new();
    if tokio::time::timeout(IDLE, lines.read_line(&mut request_line)).await?? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = Vec::new();
        if tokio::time::timeout(IDLE, lines.read_until(b'\n', &mut line)).await?? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        headers.push(line);
    }
    let mut words = request_line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(Head {
        method,
        target,
        headers,
    }))
}

async fn skip_body(stream: &mut BufReader<TcpStream>, head: &Head) -> io::Result<()> {
    if head.value("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            stream.take(HEAD_BYTES).read_line(&mut size).await?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            // The data and the line break after it; that of the last chunk is the end of the (empty) trailer.
            skip(stream, size.saturating_add(2)).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    let length = head
        .value("content-length")
        .and_then(|value| content_length::parse(value.as_bytes()))
        .unwrap_or(0);
    skip(stream, length).await
}

async fn skip(stream: &mut BufReader<TcpStream>, bytes: u64) -> io::Result<()> {
    tokio::io::copy(&mut stream.take(bytes), &mut tokio::io::sink())
        .await
        .map(drop)
}

fn answer(head: &Head) -> String {
    let mut body = serde_json::to_string_pretty(head).expect("strings are always valid JSON");
    body.push('\n');
    let mut answer = String::from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
    let _ = write!(answer, "content-length: {}\r\n\r\n", body.len());
    if head.method != "HEAD" {
        answer.push_str(&body);
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn the_echo_shows_headers_as_they_came_and_keeps_the_connection() {
        let echo = super::start().unwrap();
        let mut stream = TcpStream::connect(echo.address()).unwrap();
        let with_body = "POST /a?b=%2F HTTP/1.1\r\nHost: x\r\nX_User: 1\r\nX_User: 2\r\nContent-Length: 2\r\n\r\nhi";
        let chunked = "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let last = "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
        stream
            .write_all([with_body, chunked, last].concat().as_bytes())
            .unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
        assert!(answers.contains("\"target\": \"/a?b=%2F\""), "{answers}");
        let (first, second) = (answers.find("X_User: 1").unwrap(), answers.find("X_User: 2").unwrap());
        assert!(first < second, "{answers}");
    }
}
