//! Long requests: they end with their session.
//!
//! | what | ends when its token is revoked | ends at its token's expiry |
//! |---|---|---|
//! | WebSocket and every other upgrade, `text/event-stream`, `application/grpc` | yes | yes |
//! | a body in either direction that takes longer than a second | yes | no: a large download is completed |
//! | everything else | was authorized when it began | |
//!
//! The client sees the connection closed, on HTTP/2 the stream reset, and reconnects with a fresh token.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use pingora::{http::ResponseHeader, proxy::Session};

use super::{context::Context, summary::Summary};
use crate::{clock, gate::revocation::Revocations};

/// A body that takes longer is watched.
const LONG: Duration = Duration::from_secs(1);

/// Watches a request that is long because of its kind.
pub(super) fn call(revocations: &Revocations, session: &Session, ctx: &mut Context) {
    if is(&session.req_header().headers, "application/grpc") {
        watch(revocations, session, 0, ctx, true);
    }
}

/// Watches a response that is long because of its kind.
pub(super) fn answer(revocations: &Revocations, session: &Session, answer: &ResponseHeader, ctx: &mut Context) {
    if let Some(summary) = &mut ctx.summary {
        summary.status = answer.status.as_u16();
    }
    let upgraded = answer.status == StatusCode::SWITCHING_PROTOCOLS;
    if upgraded || is(&answer.headers, "text/event-stream") {
        watch(revocations, session, answer.status.as_u16(), ctx, true);
    }
}

/// Watches a body that takes long.
pub(super) fn body(revocations: &Revocations, session: &Session, ctx: &mut Context) {
    if ctx.watched.is_none() && ctx.started.elapsed() > LONG {
        let status = session.response_written().map_or(0, |answer| answer.status.as_u16());
        watch(revocations, session, status, ctx, false);
    }
}

fn watch(revocations: &Revocations, session: &Session, status: u16, ctx: &mut Context, until_expiry: bool) {
    let Some(caller) = ctx.permit.as_ref().and_then(|permit| permit.caller()) else {
        return;
    };
    let left = until_expiry.then(|| caller.identity.time_left(clock::now()));
    let watched = revocations.watch(caller, &ctx.ending, left);
    ctx.watched = Some(watched);
    ctx.summary = Some(Summary::of(session, status));
}

/// Whether the body has this media type, or one derived from it (`application/grpc+proto`).
fn is(headers: &HeaderMap, kind: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    value
        .and_then(|value| value.get(..kind.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
}
