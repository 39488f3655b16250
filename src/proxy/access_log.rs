//! The access log: one line, and one update of the metrics, per request.
//!
//! It never contains tokens, cookies, query strings or bodies: a query can contain a one-time code or a token.

use std::time::Duration;

use pingora::proxy::Session;

use super::{
    context::{AnsweredBy, Context, Ids},
    summary::method,
    upstream::Choice,
};
use crate::gate::{denial, identity::Identity, revocation::Reason};

/// Updates the metrics and writes the line of a request.
pub(super) fn record(session: &Session, ctx: &mut Context) {
    ctx.recorded = true;
    let status = session.response_written().map_or(0, |answer| answer.status.as_u16());
    let header = session.req_header();
    let bytes = session.body_bytes_sent() as u64;
    write(method(&header.method), header.uri.path(), status, bytes, ctx);
}

/// The same for a request that was ended early.
pub(super) fn record_cut_short(ctx: &Context) {
    let summary = ctx.summary.as_ref();
    let (method, path) = summary.map_or(("other", ""), |summary| (summary.method, &*summary.path));
    write(
        method,
        path,
        summary.map_or(0, |summary| summary.status),
        ctx.response_bytes,
        ctx,
    );
}

fn write(method: &'static str, path: &str, status: u16, response_bytes: u64, ctx: &Context) {
    let total = ctx.started.elapsed();
    count(method, status, response_bytes, ctx, total);

    let refused = ctx.refusal_code().is_some() || ctx.client_gone || status >= 500 || status == 0;
    if !refused && !sampled(ctx) {
        return;
    }
    let caller = ctx.trace.caller.as_deref().map(|caller| &caller.identity);
    tracing::info!(
        target: "access",
        request_id = ctx.ids.as_ref().map(Ids::request_id),
        trace_id = ctx.ids.as_ref().map(Ids::trace_id),
        method,
        host = &*ctx.host,
        path,
        route = ctx.route_id(),
        status,
        origin = ctx.answered_by.name(),
        decision = decision(ctx, status),
        code = code(ctx),
        user = caller.map(Identity::subject),
        session = caller.and_then(Identity::session),
        upstream = ctx.upstream.as_ref().map(Choice::name),
        request_bytes = ctx.request_bytes,
        response_bytes,
        total_ms = milliseconds(total),
        gate_ms = ctx.gate_took.map(milliseconds),
        upstream_ms = ctx.upstream_took.map(milliseconds),
        ended = ctx.ending.reason().map(ended),
        "request"
    );
}

/// The result of the request: the code of the refusal, or what became of it otherwise.
fn code(ctx: &Context) -> &'static str {
    match ctx.refusal_code() {
        Some(code) => code,
        None if ctx.client_gone => "client_gone",
        None => "ok",
    }
}

/// Why a request was ended early.
fn ended(reason: Reason) -> &'static str {
    match reason {
        Reason::Revoked => "revoked",
        Reason::Expired => "expired",
    }
}

fn count(method: &'static str, status: u16, response_bytes: u64, ctx: &Context, total: Duration) {
    let metrics = &ctx.metrics;
    let route = ctx.route_id();
    let code = http::StatusCode::from_u16(status).ok();
    let code = code.as_ref().map_or("none", http::StatusCode::as_str);
    metrics
        .http_requests
        .with_label_values(&[route, method, code, ctx.answered_by.name()])
        .inc();
    metrics
        .http_request_duration
        .with_label_values(&[route, class(status)])
        .observe(total.as_secs_f64());
    metrics
        .http_request_bytes
        .with_label_values(&[route])
        .inc_by(ctx.request_bytes);
    metrics
        .http_response_bytes
        .with_label_values(&[route])
        .inc_by(response_bytes);
    if let Some(overhead) = ctx.overhead {
        metrics
            .gateway_overhead
            .with_label_values(&[route])
            .observe(overhead.as_secs_f64());
    }
    if let Some(took) = ctx.gate_took {
        metrics
            .auth_check_duration
            .with_label_values(&["jwt"])
            .observe(took.as_secs_f64());
        let reason = ctx.denial.as_ref().map_or("ok", |denial| denial.code());
        metrics
            .auth_decisions
            .with_label_values(&[route, decision(ctx, status), reason])
            .inc();
    }
    if let Some(code) = ctx.endpoint_code {
        metrics.endpoint_refusals.with_label_values(&[code]).inc();
    }
}

/// The label `result` of the gate's decision. An endpoint's refusal has the words of the gate's.
fn decision(ctx: &Context, status: u16) -> &'static str {
    match (&ctx.denial, &ctx.trace.caller, ctx.answered_by) {
        (Some(denial), _, _) => denial.result(),
        (None, _, AnsweredBy::Auth) if ctx.endpoint_code.is_some() => denial::result(status),
        (None, _, AnsweredBy::Auth) => "endpoint",
        (None, Some(_), _) => "allow",
        (None, None, _) => "public",
    }
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "none",
    }
}

fn sampled(ctx: &Context) -> bool {
    let share = ctx.snapshot.access_log.sample;
    if share >= 1.0 {
        return true;
    }
    // By request id, so that every instance on the path of a request samples it alike.
    let digits = ctx.ids.as_ref().map_or("", Ids::request_id).get(..8).unwrap_or("0");
    let position = u32::from_str_radix(digits, 16).unwrap_or(0);
    f64::from(position) < share * f64::from(u32::MAX)
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
