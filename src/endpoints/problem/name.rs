//! Which request was refused: the id by which a person who asks for help can be helped.

use axum::body::Body;
use axum::middleware::Next;
use axum::response::Response;
use http::Request;
use http::header::ALLOW;

use super::Problem;
use crate::endpoints::Caller;

/// Says it in every refusal, wherever it was made: an extractor, a handler, the router itself.
pub(in crate::endpoints) async fn with_request_id(request: Request<Body>, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<Caller>()
        .map(|caller| caller.request_id.clone());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut named = problem.respond(request_id.as_deref());
    // The router's own addition to a 405 (RFC 9110 section 15.5.6).
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        named.headers_mut().insert(ALLOW, allow);
    }
    named
}
