//! Responds with refusals: problem+json (RFC 9457), or an HTML page for a browser that navigates.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pingora::{Result, http::ResponseHeader, proxy::Session};

use super::{context::Context, cors, login_redirect};
use crate::gate::{
    denial::{Denial, LimitState, Malformed},
    rules::route::Unauthenticated,
};

/// The `Allow` of a 405 (RFC 9110 section 15.5.6): all methods except `CONNECT` and `TRACE`. An application may support
/// fewer.
const PROXIED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Responds with a refusal and keeps the connection usable.
///
/// Written directly, because `respond_error`, and an `Err` from a filter, close the client's connection: one expired
/// token would end all other requests on it.
///
/// # Errors
/// When the response cannot be written to the client.
pub(super) async fn deny(session: &mut Session, ctx: &mut Context, denial: Denial) -> Result<()> {
    let navigates = is_navigation(&session.req_header().headers);
    let login = ctx
        .trace
        .route
        .as_ref()
        .filter(|route| route.unauthenticated == Unauthenticated::Login);
    let (status, location) = match (&denial, &ctx.snapshot.login_url) {
        (denial, Some(login_url)) if denial.status() == StatusCode::UNAUTHORIZED && navigates && login.is_some() => {
            // What was judged and would have been forwarded.
            let target = session.req_header().raw_path();
            (StatusCode::SEE_OTHER, Some(login_redirect::location(login_url, target)))
        }
        (denial, _) => (denial.status(), None),
    };
    let request_id = ctx.ids.as_ref().map(|ids| ids.request_id.clone());
    let (content_type, body) = if navigates {
        ("text/html; charset=utf-8", page(&denial, status))
    } else {
        (
            "application/problem+json",
            problem(&denial, status, request_id.as_ref()),
        )
    };

    let mut answer = ResponseHeader::build(status, Some(12))?;
    answer.insert_header(header::CONTENT_TYPE, content_type)?;
    answer.insert_header(header::CONTENT_LENGTH, body.len())?;
    answer.insert_header(header::CACHE_CONTROL, "no-store")?;
    answer.insert_header("X-Content-Type-Options", "nosniff")?;
    if navigates {
        answer.insert_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )?;
    }
    if let Some(location) = location {
        answer.insert_header(header::LOCATION, location)?;
    } else if let Some(challenge) = denial.challenge() {
        answer.insert_header(header::WWW_AUTHENTICATE, challenge)?;
    }
    if let Some(wait) = denial.retry_after() {
        // Rounded up: a client that retries a moment too early would be refused again.
        answer.insert_header(header::RETRY_AFTER, wait.as_millis().div_ceil(1000).max(1).to_string())?;
    }
    if let Denial::RateLimited(state) = &denial {
        limits(&mut answer, std::slice::from_ref(state))?;
    }
    if denial == Denial::Malformed(Malformed::Method) {
        answer.insert_header(header::ALLOW, PROXIED)?;
    }
    if let Some(request_id) = request_id {
        answer.insert_header("X-Request-Id", request_id)?;
    }
    if let Some(cors) = cors::rules(ctx) {
        // Otherwise a page could not read why it was refused.
        cors::apply(&mut answer, &session.req_header().headers, cors)?;
    }
    ctx.denial = Some(denial);
    let head_only = session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(answer), head_only).await?;
    if !head_only {
        session.write_response_body(Some(Bytes::from(body)), true).await?;
    }
    Ok(())
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
///
/// # Errors
/// Never in practice: names of limits are valid header values.
pub(super) fn limits(answer: &mut ResponseHeader, states: &[LimitState]) -> Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let seconds = |duration: std::time::Duration| duration.as_millis().div_ceil(1000);
    let policy: Vec<_> = states
        .iter()
        .map(|s| format!(r#""{}";q={};w={}"#, s.policy, s.limit, seconds(s.window)))
        .collect();
    let state: Vec<_> = states
        .iter()
        .map(|s| format!(r#""{}";r={};t={}"#, s.policy, s.remaining, seconds(s.reset)))
        .collect();
    answer.insert_header("RateLimit-Policy", policy.join(", "))?;
    answer.insert_header("RateLimit", state.join(", "))?;
    Ok(())
}

fn problem(denial: &Denial, status: StatusCode, request_id: Option<&HeaderValue>) -> Vec<u8> {
    let mut problem = serde_json::json!({
        "type": format!("urn:sidegate:problem:{}", denial.code()),
        "title": denial.title(),
        "status": status.as_u16(),
        "code": denial.code(),
    });
    if let Some(id) = request_id.and_then(|id| id.to_str().ok()) {
        problem["request_id"] = id.into();
    }
    problem.to_string().into_bytes()
}

/// An HTML page that contains nothing of the request, so that there is nothing to escape.
fn page(denial: &Denial, status: StatusCode) -> Vec<u8> {
    let title = status.canonical_reason().unwrap_or("Refused");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;\
         color:#222;background:#fff}}code{{color:#666}}@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#181818}}}}</style>\
         <h1>{title}</h1><p>{}</p><p><code>{}</code></p></html>",
        denial.title(),
        denial.code()
    )
    .into_bytes()
}

/// Whether a browser navigates, and shows the response to a user (Fetch Metadata); scripts and programs get JSON.
fn is_navigation(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}
