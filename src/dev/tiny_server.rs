//! A small HTTP/1.1 server for what `sidegate dev` serves itself: it reads requests as they are, and sends one response each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::content_length;

/// The longest request line and headers, in bytes, so that a client cannot fill the memory.
const HEAD_BYTES: u64 = 64 << 10;

/// How long an idle connection is kept open.
const IDLE: Duration = Duration::from_secs(300);

/// Request line and headers, as they were received.
#[derive(Serialize)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<String>,
}

/// Starts a server on a free loopback port, on a thread called `name` and a runtime of its own. It ends with the process. `answer`
/// makes the whole response.
///
/// # Errors
/// When no loopback port or no thread is available.
pub(super) fn start(name: &str, answer: impl Fn(&Head) -> String + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(converse(stream, Arc::clone(&answer)))),
                    // Most likely out of file descriptors, which become free again.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    })?;
    Ok(address)
}

/// A response with this body, which is left out for HEAD.
pub(super) fn response(head: &Head, status: &str, fields: &str, body: &str) -> String {
    let body_or_nothing = if head.method == "HEAD" { "" } else { body };
    format!(
        "HTTP/1.1 {status}\r\n{fields}content-length: {}\r\n\r\n{body_or_nothing}",
        body.len()
    )
}

async fn converse(stream: TcpStream, answer: Arc<impl Fn(&Head) -> String>) -> io::Result<()> {
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
