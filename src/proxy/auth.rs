//! The bridge to the endpoints under `/auth`: an ordinary `http::Request` in, an ordinary response out.
//!
//! The endpoints run on the runtime that owns the stores, never on the proxy's threads, so that a slow database does
//! not slow down proxied requests.

use std::time::Duration;

use axum::{Router, body::Body};
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use pingora::{Error, Result, http::ResponseHeader, proxy::Session};
use tokio::runtime::Handle;
use tower::ServiceExt as _;

use super::{
    context::{AnsweredBy, Context, Ids},
    cors,
};
use crate::{
    content_length,
    endpoints::{self, Caller, Problem, RefusalCode},
    gate::denial::{Denial, Malformed},
    metrics::Metrics,
};

/// The largest request body, in bytes; no endpoint needs more.
const MAX_BODY: usize = 64 * 1024;
/// The timeout for a request body, so that a slow client does not occupy a slot for longer.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// The timeout of an endpoint. Every call to a store has a timeout of its own; a request makes several, and with a slow
/// database they would add up to more than clients and load balancers wait for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The endpoints, and the runtime they run on.
pub struct AuthApi {
    router: Router,
    runtime: Handle,
    base: Box<str>,
}

impl AuthApi {
    /// `base` is the base path (`/auth`); `runtime` is the one that owns the stores.
    pub fn new(router: Router, runtime: Handle, base: &str) -> Self {
        Self {
            router,
            runtime,
            base: base.into(),
        }
    }

    /// Whether a path belongs to the endpoints: everything under the base path, and the well-known documents.
    pub(super) fn owns(&self, path: &str) -> bool {
        endpoints::is_own_path(&self.base, path)
    }

    /// Answers a request. An endpoint that takes too long goes on without its client: a change that was begun is
    /// completed, with its audit entry and its messages, and the client retries (`docs/retries.md`).
    ///
    /// # Errors
    /// A refusal that is still to be sent.
    pub(super) async fn serve(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        path_and_query: &[u8],
        metrics: &Metrics,
    ) -> Result<Result<(), Denial>> {
        let body = match read_body(session).await? {
            Ok(body) => body,
            Err(denial) => return Ok(Err(denial)),
        };
        ctx.request_bytes = body.len() as u64;
        ctx.answered_by = AnsweredBy::Auth;
        let Some(request) = request(session, ctx, path_and_query, body) else {
            return Ok(Err(Denial::Malformed(Malformed::ControlByte)));
        };
        let answer = self.runtime.spawn(self.router.clone().oneshot(request));
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(Ok(answer))) => write(session, ctx, answer).await.map(Ok),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(panicked)) => {
                tracing::error!(%panicked, "an endpoint panicked");
                metrics.panics.inc();
                ctx.answered_by = AnsweredBy::Gateway;
                Ok(Err(Denial::Internal))
            }
            Err(_) => {
                let request_id = ctx.ids.as_ref().map(Ids::request_id);
                tracing::warn!(request_id, "an endpoint did not respond in time");
                let answer = Problem::overdue(request_id);
                write(session, ctx, answer).await.map(Ok)
            }
        }
    }
}

fn request(session: &Session, ctx: &Context, path_and_query: &[u8], body: Bytes) -> Option<Request<Body>> {
    let header = session.req_header();
    let origin = ctx.origin.as_ref()?;
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = header.method.clone();
    *request.uri_mut() = Uri::try_from(path_and_query).ok()?;
    request.headers_mut().clone_from(&header.headers);
    let user_agent = header
        .headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    request.extensions_mut().insert(Caller {
        address: origin.address,
        request_id: ctx
            .ids
            .as_ref()
            .map(|ids| ids.request_id().to_owned())
            .unwrap_or_default(),
        user_agent: user_agent.map(str::to_owned),
        via_tls: origin.secure,
        received_at: ctx.now,
    });
    Some(request)
}

async fn read_body(session: &mut Session) -> Result<Result<Bytes, Denial>> {
    let announced = content_length::announced(&session.req_header().headers);
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Ok(Err(Denial::BodyTooLarge));
    }
    // Pingora does not send 100 Continue; a client that waits for it would wait until its own timeout.
    if session
        .req_header()
        .headers
        .get(header::EXPECT)
        .is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        let sent = session.downstream_session.write_continue_response().await;
        sent.map_err(Error::into_down)?;
    }
    let whole = async {
        let mut body = BytesMut::new();
        // An error is the client's: otherwise it would be a 500.
        while let Some(chunk) = session.read_request_body().await.map_err(Error::into_down)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Ok(Err(Denial::BodyTooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Ok(body.freeze()))
    };
    tokio::time::timeout(BODY_WITHIN, whole)
        .await
        .unwrap_or(Ok(Err(Denial::RequestTimeout)))
}

async fn write(session: &mut Session, ctx: &mut Context, answer: Response<Body>) -> Result<()> {
    let (parts, body) = answer.into_parts();
    ctx.endpoint_code = parts.extensions.get::<RefusalCode>().map(|code| code.0);
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut header = ResponseHeader::build(parts.status, Some(parts.headers.len() + 3))?;
    for (name, value) in &parts.headers {
        header.append_header(name.clone(), value.clone())?;
    }
    // No response is a page, and none may be taken for one.
    header.insert_header("X-Content-Type-Options", "nosniff")?;
    if let Some(ids) = &ctx.ids {
        header.insert_header("X-Request-Id", ids.request_id.clone())?;
    }
    if let Some(cors) = cors::rules(ctx) {
        cors::apply(&mut header, &session.req_header().headers, cors)?;
    }
    let bodyless = parts.status == http::StatusCode::NO_CONTENT || parts.status == http::StatusCode::NOT_MODIFIED;
    if !bodyless {
        header.insert_header(header::CONTENT_LENGTH, body.len())?;
    }
    let end = bodyless || session.req_header().method == http::Method::HEAD;
    let sent = async {
        session.write_response_header(Box::new(header), end).await?;
        if !end {
            session.write_response_body(Some(body), true).await?;
        }
        Ok(())
    };
    sent.await.map_err(Error::into_down)
}
