//! Avoids a race of upgrades to a fast upstream.
//!
//! Pingora 0.9.1 closes an upgrade right after its 101 if it reads that response before it has taken the (empty) end of
//! the request's body from its own queue: the end is then taken for the end of the upgraded stream (`proxy_h1.rs`,
//! `request_done && was_upgraded()`). An application on the same host responds that fast, which is the case for a
//! sidecar. So the response to an upgrade is delayed until the end of the request was taken.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures::task::AtomicWaker;
use http::{Method, Version, header};
use pingora::{
    Error, ErrorType, OrErr as _, Result,
    connectors::L4Connect,
    http::RequestHeader,
    protocols::l4::{
        socket::SocketAddr,
        stream::Stream,
        virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream},
    },
    proxy::Session,
    upstreams::peer::HttpPeer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Reads are allowed: connecting, and TLS.
const OPEN: u8 = 0;
/// The request is being sent: reads wait.
const HELD: u8 = 1;
/// The end of the request is in the queue: after one more poll of the queue, reads are allowed.
const RELEASED: u8 = 2;

/// Delays the reads of an upstream connection.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Hold {
    state: AtomicU8,
    reader: AtomicWaker,
}

impl Hold {
    /// From now on reads wait. Called before the request is written.
    pub(in crate::proxy) fn hold(&self) {
        self.state.store(HELD, Ordering::Release);
    }

    /// Called when the end of the request is about to enter the queue, in the same poll of the task.
    pub(in crate::proxy) fn release(&self) {
        if self
            .state
            .compare_exchange(HELD, RELEASED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            self.reader.wake();
        }
    }

    /// Whether a read has to wait. The first poll after the release waits once more: in it the queue is polled, which
    /// contains the end of the request.
    fn must_wait(&self, cx: &Context<'_>) -> bool {
        match self.state.load(Ordering::Acquire) {
            OPEN => false,
            HELD => {
                self.reader.register(cx.waker());
                // It may have been released between the check and the registration of the waker: check again.
                if self.state.load(Ordering::Acquire) != HELD {
                    cx.waker().wake_by_ref();
                }
                true
            }
            _ => {
                self.state.store(OPEN, Ordering::Release);
                cx.waker().wake_by_ref();
                true
            }
        }
    }
}

/// Makes an ordinary request of one that asks for an upgrade but not for a WebSocket as RFC 6455 section 4.1 defines it.
///
/// `Upgrade` without `Connection: Upgrade` is meant for nobody on this connection (RFC 9110 section 7.8), and a request
/// with a body would be upgraded in the middle of its body.
pub(in crate::proxy) fn ignore_others(session: &mut Session) {
    if session.req_header().headers.contains_key(header::UPGRADE)
        && !(asks_for_websocket(session.req_header()) && session.is_body_empty())
    {
        session.req_header_mut().remove_header(&header::UPGRADE);
    }
}

fn asks_for_websocket(request: &RequestHeader) -> bool {
    let mut protocols = request.headers.get_all(header::UPGRADE).iter();
    let (protocol, second) = (protocols.next(), protocols.next());
    let websocket = protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let connection = request.headers.get_all(header::CONNECTION).iter();
    let mut options = connection.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    request.version == Version::HTTP_11
        && request.method == Method::GET
        && websocket
        && second.is_none()
        && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// Turns `peer` into one for an upgrade: a new connection whose reads can be delayed.
pub(in crate::proxy) fn prepare(peer: &mut HttpPeer, turn: &AtomicU64) -> Arc<Hold> {
    let hold = Arc::<Hold>::default();
    let within = peer.options.connection_timeout.unwrap_or(Duration::from_secs(1));
    peer.options.custom_l4 = Some(Arc::new(Connector {
        hold: Arc::clone(&hold),
        within,
    }));
    // Never a pooled connection, whose reads cannot be delayed; and it does not go back into the pool.
    peer.group_key = turn.fetch_add(1, Ordering::Relaxed) | 1 << 63;
    peer.options.idle_timeout = Some(Duration::from_secs(1));
    hold
}

#[derive(Debug)]
struct Connector {
    hold: Arc<Hold>,
    within: Duration,
}

#[async_trait]
impl L4Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let address = address
            .as_inet()
            .ok_or_else(|| Error::explain(ErrorType::ConnectError, "not an inet address"))?;
        let socket = tokio::time::timeout(self.within, TcpStream::connect(address))
            .await
            .or_err(ErrorType::ConnectTimedout, "connecting for an upgrade")?
            .or_err(ErrorType::ConnectRefused, "connecting for an upgrade")?;
        let held = Held {
            socket,
            hold: Arc::clone(&self.hold),
        };
        Ok(VirtualSocketStream::new(Box::new(held)).into())
    }
}

#[derive(Debug)]
struct Held {
    socket: TcpStream,
    hold: Arc<Hold>,
}

impl VirtualSocket for Held {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.socket.set_nodelay(true),
            _ => Ok(()),
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.hold.must_wait(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn only_a_get_with_both_headers_asks_for_a_websocket() {
        let asks = |method: &str, version, fields: &[(&'static str, &str)]| {
            let mut request = RequestHeader::build(method, b"/", None).unwrap();
            request.set_version(version);
            for (name, value) in fields {
                request.append_header(*name, *value).unwrap();
            }
            asks_for_websocket(&request)
        };
        let both = [("Connection", "keep-alive, upgrade"), ("Upgrade", "WebSocket")];
        assert!(asks("GET", Version::HTTP_11, &both));
        assert!(!asks("POST", Version::HTTP_11, &both));
        assert!(!asks("GET", Version::HTTP_10, &both));
        for fields in [
            &[("Upgrade", "websocket")][..],
            &[("Connection", "Upgrade")],
            &[("Connection", "keep-alive"), ("Upgrade", "websocket")],
            &[("Connection", "Upgrade"), ("Upgrade", "h2c")],
            &[("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")],
            &[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Upgrade", "h2c")],
            &[("Connection", "Upgraded"), ("Upgrade", "websocket")],
        ] {
            assert!(!asks("GET", Version::HTTP_11, fields), "{fields:?}");
        }
    }

    #[test]
    fn a_read_waits_until_the_end_of_the_request_was_looked_at() {
        let hold = Hold::default();
        let waker = noop_waker();
        let cx = Context::from_waker(&waker);
        assert!(!hold.must_wait(&cx), "TLS is spoken before the request");
        hold.hold();
        assert!(hold.must_wait(&cx));
        hold.release();
        assert!(hold.must_wait(&cx), "in this step the queue is looked at");
        assert!(!hold.must_wait(&cx));
        hold.release();
        assert!(!hold.must_wait(&cx), "a second end holds nothing");
    }
}
