//! Timeouts of a client connection: between requests, and while receiving a header block.
//!
//! Pingora limits the time of a single read only, which a client meets by sending a byte a minute, and it waits without
//! a limit for 24 bytes that could be an HTTP/2 preface, so that the 18 bytes of `GET / HTTP/1.0` would hang. So this
//! is a loop of our own around its HTTP/1 sessions:
//!
//! ```text
//! accepted ─► header block, within request_header ─► request ─► silence, at most idle ─► header block ─► …
//! ```
//!
//! Most connections are idle most of the time, so what an idle one holds is what ten thousand of them cost: the
//! loop's own few hundred bytes and two small buffers. Everything about a request is in a future of its own, whose
//! memory is free again when the request has ended.

use std::{
    any::Any,
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::{
    apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream, ServerApp},
    listeners::{L4BufferSettings, ListenerConfig},
    protocols::{Stream, http::ServerSession},
    server::ShutdownWatch,
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::capacity::{Capacity, Open};
use super::ending::EndingProxy;
use super::framing::Inspected;
use super::snapshot::Snapshot;
use crate::metrics::Metrics;

/// The connection preface of HTTP/2 (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The read buffer of a connection, in bytes: most header blocks fit, and larger reads go past it. Pingora's default is
/// 64 KiB, which every idle connection would hold.
const READ_BUFFER: usize = 2048;

/// All connections of the proxy's listener.
pub struct Connections<P> {
    proxy: Arc<EndingProxy<P>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    capacity: Arc<Capacity>,
    metrics: Arc<Metrics>,
}

/// The listener of the proxy.
pub fn listener(address: std::net::SocketAddr) -> ListenerConfig {
    ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::default().read(READ_BUFFER))
}

/// Tells the loop that the header block has arrived. It is passed through Pingora's session to `on_connection_reuse`.
struct Announcement(Arc<AtomicBool>);

impl<P: HttpServerApp + Send + Sync + 'static> Connections<P> {
    /// `snapshot` has the timeouts and the limit.
    pub fn new(
        proxy: EndingProxy<P>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        capacity: Arc<Capacity>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            proxy: Arc::new(proxy),
            snapshot,
            capacity,
            metrics,
        }
    }

    async fn serve(self: Arc<Self>, mut stream: Stream, shutdown: ShutdownWatch, _open: Open) {
        let due = Instant::now() + self.snapshot.load().limits.request_header;
        match timeout_at(due, speaks_http2(&mut stream)).await {
            // Pingora closes idle HTTP/2 connections: those without an open stream, also because a header block does
            // not end.
            Ok(Ok(true)) => drop(self.proxy.process_new(stream, &shutdown).await),
            Ok(Ok(false)) => self.http1(stream, shutdown, due).await,
            Ok(Err(_)) => {}
            Err(_) => self.give_up(),
        }
    }

    /// Serves requests one after the other, until either side closes the connection.
    async fn http1(&self, stream: Stream, mut shutdown: ShutdownWatch, mut due: Instant) {
        let mut stream: Stream = Box::new(Inspected::new(stream));
        let arrived = Arc::new(AtomicBool::new(false));
        let mut kept = None;
        loop {
            // In a box, which is freed with the request: an idle connection does not hold the room for one.
            let request = Box::pin(self.request(stream, kept, &arrived, &shutdown, due));
            let Some(reusable) = request.await else { return };
            (stream, kept) = reusable.consume();
            if let Some(inspected) = Inspected::of(&stream) {
                inspected.expect_head();
            }

            let idle = self.capacity.idle(self.snapshot.load().limits.idle);
            let mut first_byte = [0];
            tokio::select! {
                biased;
                peeked = timeout(idle, stream.try_peek(&mut first_byte)) => match peeked {
                    Ok(Ok(_)) => {}
                    // Disconnected, or idle for too long.
                    _ => return,
                },
                _ = shutdown.wait_for(|stopping| *stopping) => return,
            }
            due = Instant::now() + self.snapshot.load().limits.request_header;
        }
    }

    /// Serves one request. `None`: the connection is not to be used again.
    async fn request(
        &self,
        stream: Stream,
        kept: Option<HttpPersistentSettings>,
        arrived: &Arc<AtomicBool>,
        shutdown: &ShutdownWatch,
        due: Instant,
    ) -> Option<ReusedHttpStream> {
        let mut session = ServerSession::new_http1(stream);
        match kept {
            Some(settings) => HttpPersistentSettings::apply_to_session(settings, &mut session),
            None => session.set_keepalive(Some(self.snapshot.load().limits.idle.as_secs().max(1))),
        }
        arrived.store(false, Ordering::Relaxed);
        session.set_connection_user_context(Some(Box::new(Announcement(Arc::clone(arrived)))));
        tokio::select! {
            biased;
            reusable = self.proxy.serve(session, shutdown) => reusable,
            () = overdue(arrived, due) => {
                self.give_up();
                None
            }
        }
    }

    /// Closes the connection without a response: a client this slow is not waiting for one.
    fn give_up(&self) {
        tracing::debug!("a client took too long to send a header block");
        self.metrics.requests_rejected.with_label_values(&["bad_request"]).inc();
    }
}

#[async_trait]
impl<P: HttpServerApp + Send + Sync + 'static> ServerApp for Connections<P> {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        if let Some(open) = self.capacity.admit(self.snapshot.load().limits.connections) {
            // In a task of its own: Pingora's has room for a TLS handshake, which an idle connection would hold.
            tokio::spawn(Arc::clone(self).serve(stream, shutdown.clone(), open));
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

/// From now on the timeouts of the request's own steps apply.
pub(super) fn header_arrived(announcement: &(dyn Any + Send + Sync)) {
    if let Some(Announcement(arrived)) = announcement.downcast_ref() {
        arrived.store(true, Ordering::Relaxed);
    }
}

/// Completes when `due` has passed and the header block has not arrived; otherwise never.
async fn overdue(arrived: &AtomicBool, due: Instant) {
    // Most header blocks arrive at once, and then no timer is set.
    if !arrived.load(Ordering::Relaxed) {
        sleep_until(due).await;
        if !arrived.load(Ordering::Relaxed) {
            return;
        }
    }
    pending::<()>().await;
}

/// Reads only as long as the received bytes can still be the preface.
async fn speaks_http2(stream: &mut Stream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    for length in [1, 3, PREFACE.len()] {
        let can_peek = stream.try_peek(&mut seen[..length]).await?;
        if !can_peek || seen[..length] != PREFACE[..length] {
            return Ok(false);
        }
    }
    Ok(true)
}
