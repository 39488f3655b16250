//! CORS in responses (Fetch standard, "CORS protocol"): answers preflights, and adds or removes `Access-Control-*`.
//!
//! A preflight is sent by browsers without credentials, so it is answered before the gate, and only with what the
//! configuration says. Every other request is decided by the gate as if it had no `Origin`.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pingora::{
    Result,
    http::{RequestHeader, ResponseHeader},
    proxy::Session,
};

use super::context::{AnsweredBy, Context};
use crate::gate::{denial::Denial, rules::cors::Cors};

/// The method of the request that a preflight announces; `None` if this is no preflight.
pub(super) fn announced(request: &RequestHeader) -> Option<Method> {
    if request.method != Method::OPTIONS || origin(&request.headers).is_none() {
        return None;
    }
    let method = only(&request.headers, &header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    // They are refused whatever a preflight says, so that announcing them is no preflight.
    (method != Method::CONNECT && method != Method::TRACE).then_some(method)
}

/// Answers a preflight: 204 for a listed origin.
///
/// # Errors
/// `OriginNotAllowed`, still to be sent. A browser would stop at a 204 without headers too, and nobody would see why.
pub(super) async fn preflight(
    session: &mut Session,
    ctx: &mut Context,
    cors: &Cors,
    method: &Method,
) -> Result<Result<bool, Denial>> {
    if ctx.is_own {
        ctx.answered_by = AnsweredBy::Auth;
    }
    if cors.allow_origin(origin(&session.req_header().headers)).is_none() {
        return Ok(Err(Denial::OriginNotAllowed));
    }
    let mut answer = ResponseHeader::build(StatusCode::NO_CONTENT, Some(8))?;
    apply(&mut answer, &session.req_header().headers, cors)?;
    answer.remove_header(&header::ACCESS_CONTROL_EXPOSE_HEADERS);
    answer.insert_header(header::ACCESS_CONTROL_ALLOW_METHODS, method.as_str())?;
    answer.insert_header(header::ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.clone())?;
    answer.insert_header(header::ACCESS_CONTROL_MAX_AGE, cors.max_age.clone())?;
    answer.append_header(header::VARY, "Access-Control-Request-Method")?;
    if let Some(ids) = &ctx.ids {
        answer.insert_header("X-Request-Id", ids.request_id.clone())?;
    }
    session.write_response_header(Box::new(answer), true).await?;
    Ok(Ok(true))
}

/// Writes the headers for the request's origin, and removes those of the application: two answers to one question make a
/// browser refuse the response, or worse, the application allows an origin that the configuration does not list.
///
/// # Errors
/// Never in practice: the values are valid header values.
pub(super) fn apply(answer: &mut ResponseHeader, request: &HeaderMap, cors: &Cors) -> Result<()> {
    let theirs = |name: &http::HeaderName| name.as_str().starts_with("access-control-");
    while let Some(name) = answer.headers.keys().find(|name| theirs(name)).cloned() {
        answer.remove_header(&name);
    }
    if cors.varies() {
        // Also for a request without an origin, and for one that is not listed: a cache must not answer others with it.
        answer.append_header(header::VARY, "Origin")?;
    }
    let Some(allowed) = cors.allow_origin(origin(request)) else {
        return Ok(());
    };
    answer.insert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed)?;
    if cors.credentials {
        answer.insert_header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")?;
    }
    answer.insert_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, cors.exposed.clone())?;
    Ok(())
}

/// The CORS rules for the response to a request, as far as it was read.
pub(super) fn rules(ctx: &Context) -> Option<&Cors> {
    if ctx.is_own {
        return ctx.snapshot.cors.as_deref();
    }
    ctx.trace.route.as_ref()?.cors.as_deref()
}

fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    only(headers, &header::ORIGIN)
}

/// The value of a header that is there once; with two, browsers and this could mean different ones.
fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&'static str, &'static str)]) -> RequestHeader {
        let mut request = RequestHeader::build(method, b"/x", None).unwrap();
        for (name, value) in headers {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    #[test]
    fn a_preflight_is_an_options_request_with_one_origin_and_one_announced_method() {
        let (origin, method) = (("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT"));
        assert_eq!(
            announced(&request(Method::OPTIONS, &[origin, method])),
            Some(Method::PUT)
        );
        for (used, headers) in [
            (Method::GET, &[origin, method][..]),
            (Method::OPTIONS, &[origin]),
            (Method::OPTIONS, &[method]),
            (Method::OPTIONS, &[origin, origin, method]),
            (Method::OPTIONS, &[origin, method, method]),
            (Method::OPTIONS, &[origin, ("Access-Control-Request-Method", "TRACE")]),
            (
                Method::OPTIONS,
                &[origin, ("Access-Control-Request-Method", "PUT, GET")],
            ),
            (Method::OPTIONS, &[origin, ("Access-Control-Request-Method", "")]),
        ] {
            assert_eq!(announced(&request(used.clone(), headers)), None, "{used} {headers:?}");
        }
    }
}
