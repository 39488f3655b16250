//! What the failure of a request means: who failed, and what the client is told.

use std::time::Duration;

use http::StatusCode;
use pingora::{Error, ErrorSource, ErrorType, proxy::Session};

use super::{context::Context, framing::Inspected, upstream::Choice};
use crate::gate::denial::{Denial, Malformed};

/// The refusal for a failure; `None` if the client has disconnected. Failures of applications are counted.
pub(super) fn denial(session: &mut Session, error: &Error, ctx: &Context) -> Option<Denial> {
    if let Some(fault) = session.stream().and_then(Inspected::of).and_then(Inspected::fault) {
        tracing::debug!(%fault, "a chunked body is malformed");
        return Some(Malformed::Framing.into());
    }
    if is_waiting_for_client(session, error, ctx) {
        return Some(Denial::RequestTimeout);
    }
    count_upstream_error(ctx, error);
    meaning(error)
}

/// Whether the client has a response, or the beginning of one. An interim response is none; a 101 is the last one.
pub(super) fn has_response(session: &Session) -> bool {
    session
        .response_written()
        .is_some_and(|written| !written.status.is_informational() || written.status == StatusCode::SWITCHING_PROTOCOLS)
}

/// Counts a failure of an application.
pub(super) fn count_upstream_error(ctx: &Context, error: &Error) {
    let Some(choice) = &ctx.upstream else { return };
    let reason = match error.etype() {
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => "connect_refused",
        ErrorType::ConnectTimedout | ErrorType::ConnectProxyFailure => "connect_timeout",
        ErrorType::ReadTimedout => "read_timeout",
        ErrorType::WriteTimedout => "write_timeout",
        ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::InvalidCert => "tls",
        _ if *error.esource() == ErrorSource::Upstream => "reset",
        _ => return,
    };
    ctx.metrics
        .upstream_errors
        .with_label_values(&[choice.name(), reason])
        .inc();
}

/// Whether the application did not respond in time because the client stopped sending the body.
fn is_waiting_for_client(session: &mut Session, error: &Error, ctx: &Context) -> bool {
    /// Pingora rounds its timeouts to 10 ms.
    const ROUNDING: Duration = Duration::from_millis(20);
    let timed_out = *error.esource() == ErrorSource::Upstream && *error.etype() == ErrorType::ReadTimedout;
    let limit = ctx.upstream.as_ref().map(Choice::read_timeout);
    timed_out
        && !has_response(session)
        && !session.is_body_done()
        && limit.is_some_and(|limit| ctx.last_sent.elapsed() + ROUNDING >= limit)
}

fn meaning(error: &Error) -> Option<Denial> {
    Some(match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Denial::RequestTimeout,
        (
            ErrorSource::Downstream,
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed | ErrorType::WriteTimedout,
        ) => return None,
        (ErrorSource::Downstream, _) => Denial::Malformed(Malformed::Framing),
        (
            _,
            ErrorType::ReadTimedout
            | ErrorType::WriteTimedout
            | ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout,
        ) => Denial::UpstreamTimeout,
        (
            ErrorSource::Upstream,
            ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::TLSHandshakeFailure
            | ErrorType::InvalidCert,
        ) => Denial::UpstreamUnreachable,
        (ErrorSource::Upstream, _) => Denial::UpstreamBroken,
        _ => Denial::Internal,
    })
}
