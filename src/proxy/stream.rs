//! Requests that last: they end when their session does.
//!
//! | what | ends when its token is revoked | ends at its token's expiry |
//! |---|---|---|
//! | WebSocket and every other upgrade, `text/event-stream`, `application/grpc` | yes | yes |
//! | a body in either direction that takes longer than a second | yes | no: a large download may be finished |
//! | everything else | was judged when it began | |
//!
//! The client sees the connection close, on HTTP/2 its stream reset, and reconnects with a fresh token.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, StatusCode, header};
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream},
    http::ResponseHeader,
    protocols::http::{ServerSession, v2::server::H2Options},
    proxy::{HttpProxy, Session},
    server::ShutdownWatch,
};

use super::{Proxy, access_log, context::Context};
use crate::{clock, gate::revocation::Ending};

/// A body that moves for longer is watched.
const LONG: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The end of the request that this task serves. Pingora has no other way to hand a value to a request of HTTP/2.
    static ENDING: Arc<Ending>;
}

/// Pingora's proxy, whose requests can be ended.
pub struct EndingProxy(pub Arc<HttpProxy<Proxy>>);

#[async_trait]
impl HttpServerApp for EndingProxy {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let ending = Arc::<Ending>::default();
        let request = ENDING.scope(Arc::clone(&ending), self.0.process_new_http(session, shutdown));
        ending.or(request).await.flatten()
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.0.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.0.server_options()
    }

    async fn http_cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

/// The end of the request that is being served.
pub(super) fn ending() -> Arc<Ending> {
    ENDING.try_with(Arc::clone).unwrap_or_default()
}

impl Proxy {
    /// Watches a request that will last by its own kind.
    pub(super) fn watch_call(&self, session: &Session, ctx: &mut Context) {
        if is(&session.req_header().headers, "application/grpc") {
            self.watch(session, 0, ctx, true);
        }
    }

    /// Watches an answer that will last by its kind.
    pub(super) fn watch_answer(&self, session: &Session, answer: &ResponseHeader, ctx: &mut Context) {
        if let Some(head) = &mut ctx.head {
            head.status = answer.status.as_u16();
        }
        let upgraded = answer.status == StatusCode::SWITCHING_PROTOCOLS;
        if upgraded || is(&answer.headers, "text/event-stream") {
            self.watch(session, answer.status.as_u16(), ctx, true);
        }
    }

    /// Watches a body that takes long.
    pub(super) fn watch_body(&self, session: &Session, ctx: &mut Context) {
        if ctx.watched.is_none() && ctx.started.elapsed() > LONG {
            let status = session.response_written().map_or(0, |answer| answer.status.as_u16());
            self.watch(session, status, ctx, false);
        }
    }

    fn watch(&self, session: &Session, status: u16, ctx: &mut Context, until_expiry: bool) {
        let Some(caller) = ctx.permit.as_ref().and_then(|permit| permit.caller()) else {
            return;
        };
        let left = until_expiry.then(|| caller.identity.time_left(clock::now()));
        let watched = self.gate.revocations.watch(caller, &ctx.ending, left);
        ctx.watched = Some(watched);
        ctx.head = Some(access_log::Head::of(session, status));
    }
}

/// Whether the body is of this type, or of one made from it (`application/grpc+proto`).
fn is(headers: &HeaderMap, kind: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    value
        .and_then(|value| value.get(..kind.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
}
