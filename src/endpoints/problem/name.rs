//! Adds the request id to every problem, so that support can find the request in the log.

use axum::body::Body;
use axum::middleware::Next;
use axum::response::Response;
use http::Request;
use http::header::ALLOW;

use super::Problem;
use super::refusal_code::RefusalCode;
use crate::endpoints::Caller;

/// Adds the request id to a problem, whether an extractor, a handler or the router made it.
pub(in crate::endpoints) async fn with_request_id(request: Request<Body>, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<Caller>()
        .map(|caller| caller.request_id.clone());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let code = problem.code;
    let mut named = problem.respond(request_id.as_deref());
    named.extensions_mut().insert(RefusalCode(code));
    // The router adds `Allow` to a 405 (RFC 9110 section 15.5.6).
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        named.headers_mut().insert(ALLOW, allow);
    }
    named
}
