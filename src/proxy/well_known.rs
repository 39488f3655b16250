//! `GET /.well-known/sidegate/jwks.json`: the public keys for assertions, on issuers and verifiers.
//!
//! Served here and not by the endpoints, because a verifier has none.

use bytes::Bytes;
use http::{Method, header};
use pingora::{Result, http::ResponseHeader, proxy::Session};

use super::{
    context::{AnsweredBy, Context},
    cors,
};
use crate::gate::{
    assertion::Asserter,
    denial::{Denial, Malformed},
};

/// The `max-age`: shorter than a key is published before it signs; and short, because a verifier's key ends with its
/// process.
const CACHE_CONTROL: &str = "public, max-age=60";

/// Sends the key set.
///
/// # Errors
/// A refusal that is still to be sent: another method, or no key yet.
pub(super) async fn jwks(
    session: &mut Session,
    ctx: &mut Context,
    asserter: &Asserter,
) -> Result<Result<bool, Denial>> {
    let method = &session.req_header().method;
    let head_only = method == Method::HEAD;
    if method != Method::GET && !head_only {
        return Ok(Err(Malformed::Method.into()));
    }
    let Some(document) = asserter.jwks() else {
        return Ok(Err(Denial::AssertionUnavailable));
    };
    ctx.answered_by = AnsweredBy::Auth;
    let mut answer = ResponseHeader::build(http::StatusCode::OK, Some(6))?;
    answer.insert_header(header::CONTENT_TYPE, "application/jwk-set+json")?;
    answer.insert_header(header::CONTENT_LENGTH, document.len())?;
    answer.insert_header(header::CACHE_CONTROL, CACHE_CONTROL)?;
    answer.insert_header("X-Content-Type-Options", "nosniff")?;
    if let Some(ids) = &ctx.ids {
        answer.insert_header("X-Request-Id", ids.request_id.clone())?;
    }
    if let Some(cors) = cors::rules(ctx) {
        cors::apply(&mut answer, &session.req_header().headers, cors)?;
    }
    session.write_response_header(Box::new(answer), head_only).await?;
    if !head_only {
        let body = Bytes::copy_from_slice(document.as_bytes());
        session.write_response_body(Some(body), true).await?;
    }
    Ok(Ok(true))
}
