//! A client's connection, seen byte by byte: where a chunked body ends is decided on what the client sent.
//!
//! Pingora reads chunks leniently and shows only their data. So the connection is wrapped, and the bytes that Pingora
//! reads are inspected on their way to it, never changed:
//!
//! ```text
//! header block ─► the request says how its body is framed ─┬─► chunked: inspected until it ends
//!       ▲                                                  └─► a length, or an upgrade: not looked at
//!       └───────────────── next request ◄──────────────────┘
//! ```
//!
//! The bytes of a body that arrive together with the header block are kept until the request says what they are.

mod chunks;

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use memchr::memchr;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType, raw_connect::ProxyDigest, tls::SslDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::chunks::{Chunks, Fault};

/// A connection whose chunked bodies are inspected.
#[derive(Debug)]
pub(super) struct Inspected {
    connection: Stream,
    /// Reading has exclusive access and does not lock it; only the steps between reads do, once per request.
    progress: Mutex<Progress>,
}

/// What the bytes are that are read now.
#[derive(Debug)]
enum Progress {
    /// The header block, and what arrived together with it.
    Head(Head),
    /// A chunked body.
    Chunked(Chunks),
    /// A body with a length, or another protocol.
    Unframed,
    /// Nothing more is read.
    Malformed(Fault),
}

#[derive(Debug, Default)]
struct Head {
    /// Whether the request line has begun: a server can skip empty lines before it (RFC 9112 section 2.2).
    begun: bool,
    /// How many bytes of CR LF CR LF were read last.
    matched: u8,
    /// What follows the end of the header block, if that was read.
    rest: Option<Vec<u8>>,
}

impl Inspected {
    /// Wraps a connection that begins with a header block.
    pub(super) fn new(connection: Stream) -> Self {
        Self {
            connection,
            progress: Mutex::new(Progress::Head(Head::default())),
        }
    }

    /// The inspection of a connection; `None` if it is not inspected.
    pub(super) fn of(connection: &Stream) -> Option<&Self> {
        // The type behind the box, not the box itself.
        (**connection).as_any().downcast_ref()
    }

    /// A request has ended: the next bytes are a header block.
    pub(super) fn expect_head(&self) {
        self.set(Progress::Head(Head::default()));
    }

    /// The header block of a request was parsed: its body is chunked.
    ///
    /// # Errors
    /// What is wrong with the part of the body that was read already. `LineEnd`: the header block ended elsewhere for
    /// Pingora.
    pub(super) fn expect_chunks(&self) -> Result<(), Fault> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunks = Chunks::default();
        let rest = match &*progress {
            Progress::Head(Head { rest: Some(rest), .. }) => chunks.inspect(rest),
            _ => Err(Fault::LineEnd),
        };
        *progress = match rest {
            Ok(_) if chunks.is_complete() => Progress::Unframed,
            Ok(_) => Progress::Chunked(chunks),
            Err(fault) => Progress::Malformed(fault),
        };
        rest.map(drop)
    }

    /// The header block of a request was parsed: its body has a length, or there is none.
    pub(super) fn expect_no_chunks(&self) {
        self.set(Progress::Unframed);
    }

    /// What was wrong with the body.
    pub(super) fn fault(&self) -> Option<Fault> {
        match *self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            Progress::Malformed(fault) => Some(fault),
            _ => None,
        }
    }

    fn set(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

impl Progress {
    fn inspect(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Unframed => Ok(()),
            Self::Head(head) => {
                head.read(bytes);
                Ok(())
            }
            Self::Chunked(chunks) => match chunks.inspect(bytes) {
                Ok(_) => {
                    if chunks.is_complete() {
                        // What follows is another request, which Pingora does not read.
                        *self = Self::Unframed;
                    }
                    Ok(())
                }
                Err(fault) => {
                    *self = Self::Malformed(fault);
                    Err(fault)
                }
            },
            Self::Malformed(fault) => Err(*fault),
        }
    }
}

impl Head {
    fn read(&mut self, mut bytes: &[u8]) {
        if let Some(rest) = &mut self.rest {
            rest.extend_from_slice(bytes);
            return;
        }
        if !self.begun {
            let line = bytes.iter().position(|byte| !b"\r\n".contains(byte));
            let Some(line) = line else { return };
            bytes = &bytes[line..];
            self.begun = true;
        }
        if let Some(end) = self.end(bytes) {
            self.rest = Some(bytes[end..].to_vec());
        }
    }

    /// The length of the part that belongs to the header block, if it ends in these bytes.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.matched == 0 {
                at += memchr(b'\r', bytes.get(at..)?)? + 1;
                self.matched = 1;
            }
            self.matched = match (self.matched, bytes.get(at)?) {
                (1, b'\n') => 2,
                (2, b'\r') => 3,
                (3, b'\n') => return Some(at + 1),
                (_, b'\r') => 1,
                _ => 0,
            };
            at += 1;
        }
    }
}

impl AsyncRead for Inspected {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Progress::Malformed(fault) = self.progress.get_mut().unwrap_or_else(PoisonError::into_inner) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, *fault)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(cx, buffer))?;
        let progress = self.progress.get_mut().unwrap_or_else(PoisonError::into_inner);
        Poll::Ready(progress.inspect(&buffer.filled()[before..]).map_err(|fault| {
            buffer.set_filled(before);
            io::Error::new(io::ErrorKind::InvalidData, fault)
        }))
    }
}

impl AsyncWrite for Inspected {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Inspected {
    async fn shutdown(&mut self) {
        self.connection.shutdown().await;
    }
}

#[async_trait]
impl Peek for Inspected {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.connection.try_peek(buffer).await
    }
}

impl UniqueID for Inspected {
    fn id(&self) -> UniqueIDType {
        self.connection.id()
    }
}

impl Ssl for Inspected {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.connection.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.connection.selected_alpn_proto()
    }
}

impl GetTimingDigest for Inspected {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.connection.get_timing_digest()
    }
}

impl GetProxyDigest for Inspected {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.connection.get_proxy_digest()
    }
}

impl GetSocketDigest for Inspected {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.connection.get_socket_digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows a header block that arrives in these pieces.
    fn rest(pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let mut head = Head::default();
        for piece in pieces {
            head.read(piece);
        }
        head.rest
    }

    #[test]
    fn a_header_block_ends_after_its_first_empty_line_however_it_is_split() {
        for (block, body) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("GET / HTTP/1.1\r\nA: b\r\r\nC: d\r\n\n\r\n\r\n", "\r\n\r\n"),
        ] {
            let whole = format!("{block}{body}").into_bytes();
            for at in 0..=whole.len() {
                let (first, second) = whole.split_at(at);
                assert_eq!(
                    rest(&[first, second]).as_deref(),
                    Some(body.as_bytes()),
                    "{block:?} {at}"
                );
            }
            let bytes: Vec<_> = whole.chunks(1).collect();
            assert_eq!(rest(&bytes).as_deref(), Some(body.as_bytes()), "{block:?}");
            assert_eq!(rest(&[&block.as_bytes()[..block.len() - 1]]), None);
        }
    }

    #[tokio::test]
    async fn a_malformed_chunk_is_not_passed_on() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut client, server) = tokio::io::duplex(1024);
        let mut connection = Inspected::new(Box::new(server));
        let mut buffer = [0; 1024];
        for (body, arrives) in [("5\r\nhello\r\n0\r\n\r\n", true), ("5 \r\nhello\r\n0\r\n\r\n", false)] {
            let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            client.write_all(head).await.unwrap();
            assert_eq!(connection.read(&mut buffer).await.unwrap(), head.len());
            connection.expect_chunks().unwrap();
            client.write_all(body.as_bytes()).await.unwrap();
            let read = connection.read(&mut buffer).await;
            assert_eq!(read.ok(), arrives.then_some(body.len()), "{body:?}");
            assert_eq!(connection.fault().is_none(), arrives, "{body:?}");
            if arrives {
                connection.expect_head();
            }
        }
        assert!(connection.read(&mut buffer).await.is_err(), "not another time either");
    }
}
