//! The headers that the application receives: the client's without reserved ones, and then those of Sidegate.
//!
//! This runs after Pingora has removed hop-by-hop headers, so that `Connection: X-Forwarded-User` cannot remove ours.

use http::{HeaderName, HeaderValue, header};
use pingora::{Result, http::RequestHeader};

use super::context::Context;
use crate::{
    cookies,
    gate::{Permit, rules::reserved_headers::Class},
    metrics::Metrics,
};

/// Removes and writes headers of the request to the upstream.
///
/// # Errors
/// When a value is not a valid header value, which the gate has excluded.
pub(super) fn prepare(upstream: &mut RequestHeader, ctx: &Context, permit: &Permit, metrics: &Metrics) -> Result<()> {
    strip(upstream, ctx, metrics);
    if !permit.route().forward_authorization {
        upstream.remove_header(&header::AUTHORIZATION);
        remove_session_cookie(upstream, ctx)?;
    }
    join_cookies(upstream)?;
    write_missing_host(upstream, ctx)?;
    if let Some(target) = &ctx.forward_target {
        upstream.set_raw_path(target)?;
    }
    write_origin(upstream, ctx)?;
    if let Some(caller) = permit.caller() {
        let mut written = Ok(());
        caller.headers(&permit.route().identity, &mut |name, value| {
            if written.is_ok() {
                written = upstream.insert_header(name.clone(), value.clone());
            }
        });
        written?;
    }
    if let Some((name, value)) = &ctx.assertion {
        upstream.insert_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// The host and port of the client's request, for `X-Forwarded-Host` and for the assertion.
pub(super) fn authority<'a>(request: &'a RequestHeader, host: &'a str) -> &'a [u8] {
    let field = request.headers.get(header::HOST).map(HeaderValue::as_bytes);
    let pseudo = request.uri.authority().map(|authority| authority.as_str().as_bytes());
    field.or(pseudo).unwrap_or(host.as_bytes())
}

/// Removes reserved headers, on every route, public ones too: an upstream gets one of them only if Sidegate wrote it.
fn strip(upstream: &mut RequestHeader, ctx: &Context, metrics: &Metrics) {
    let family = &ctx.snapshot.rules.family;
    let ours: Vec<(HeaderName, Class)> = upstream
        .headers
        .keys()
        .filter_map(|name| Some((name.clone(), family.class(name.as_str())?)))
        .collect();
    for (name, class) in ours {
        if class == Class::Identity {
            let form = if name
                .as_str()
                .bytes()
                .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-')
            {
                "underscore"
            } else if upstream.headers.get_all(&name).iter().nth(1).is_some() {
                "duplicate"
            } else {
                "exact"
            };
            metrics.identity_headers_stripped.with_label_values(&[form]).inc();
        }
        upstream.remove_header(&name);
    }
}

/// Removes the session cookie, which is a credential for Sidegate and not for the application.
fn remove_session_cookie(upstream: &mut RequestHeader, ctx: &Context) -> Result<()> {
    let Some(name) = ctx.snapshot.rules.session_cookie.as_deref() else {
        return Ok(());
    };
    // Parsed like the cookie that contained the token, so that what counted as that cookie is not forwarded.
    let kept = cookies::pairs(&upstream.headers).filter(|pair| cookies::value(pair, name).is_none());
    let kept: Vec<_> = kept.map(<[u8]>::to_vec).collect();
    set_cookies(upstream, &kept)
}

/// Joins several `Cookie` headers, which HTTP/2 clients can send; an HTTP/1 application expects one (RFC 9113 section
/// 8.2.3).
fn join_cookies(upstream: &mut RequestHeader) -> Result<()> {
    if upstream.headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return Ok(());
    }
    let all: Vec<_> = cookies::pairs(&upstream.headers).map(<[u8]>::to_vec).collect();
    set_cookies(upstream, &all)
}

fn set_cookies(upstream: &mut RequestHeader, pairs: &[Vec<u8>]) -> Result<()> {
    upstream.remove_header(&header::COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(&pairs.join(&b"; "[..]))
        && !value.is_empty()
    {
        upstream.insert_header(header::COOKIE, value)?;
    }
    Ok(())
}

/// Writes the server's own address as the host of a request of HTTP/1.0 that has none: it is forwarded as HTTP/1.1,
/// where an application refuses it without a host (RFC 9112 section 3.2), or as HTTP/2, which does not exist without one.
fn write_missing_host(upstream: &mut RequestHeader, ctx: &Context) -> Result<()> {
    match &ctx.upstream {
        Some(server) if ctx.host.is_empty() && !upstream.headers.contains_key(header::HOST) => {
            upstream.insert_header(header::HOST, server.authority())
        }
        _ => Ok(()),
    }
}

/// Writes `X-Forwarded-*`, the request id and the trace.
fn write_origin(upstream: &mut RequestHeader, ctx: &Context) -> Result<()> {
    if let Some(origin) = &ctx.origin {
        upstream.insert_header("X-Forwarded-For", &*origin.chain)?;
        upstream.insert_header("X-Forwarded-Proto", origin.scheme())?;
        if !ctx.host.is_empty() {
            let host = HeaderValue::from_bytes(authority(upstream, &ctx.host));
            upstream.insert_header("X-Forwarded-Host", host.unwrap_or(HeaderValue::from_static("")))?;
        }
    }
    if let Some(ids) = &ctx.ids {
        upstream.insert_header("X-Request-Id", ids.request_id.clone())?;
        upstream.insert_header("traceparent", ids.traceparent.clone())?;
    }
    Ok(())
}
