//! Pingora's phases in Pingora's order, a few lines each. The work is done in the files of this folder and in the gate.

mod access_log;
mod address;
mod auth;
mod capacity;
mod connection;
mod context;
mod cors;
mod ending;
mod failure;
mod forward;
mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod logged;
mod login_redirect;
mod reading;
mod respond;
pub mod snapshot;
mod stream;
mod summary;
pub mod upstream;
mod well_known;

use std::{
    any::Any,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use pingora::{
    Error, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    modules::http::HttpModules,
    protocols::Digest,
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};

use self::context::{AnsweredBy, Context, Ids};
use self::snapshot::Snapshot;
use self::upstream::{response, upgrade};
pub use self::{
    auth::AuthApi,
    capacity::Capacity,
    connection::{Connections, listener},
    ending::EndingProxy,
    logged::Logged,
    upstream::Upstreams,
};
use crate::{
    clock, content_length,
    gate::{
        self, Gate, Request,
        activity::Activity,
        assertion::Bound,
        denial::{Denial, Malformed},
        rules::{assertion::JWKS_PATH, spelling::Unusual},
        target::{Target, without_prefix},
    },
    metrics::Metrics,
};

/// The proxy, as Pingora's hooks.
pub struct Proxy {
    /// Decides about requests.
    pub gate: Arc<Gate>,
    /// The current rules.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The servers of the applications.
    pub upstreams: Arc<Upstreams>,
    /// The endpoints under `/auth`; `None` on a verifier.
    pub auth: Option<AuthApi>,
    /// Records activity events.
    pub activity: Activity,
    /// Whether there are descriptors for another request.
    pub capacity: Arc<Capacity>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Whether the process is shutting down: then every response ends its connection.
    pub draining: Arc<AtomicBool>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Logged;

    fn new_ctx(&self) -> Logged {
        Logged::new(Context::new(self.snapshot.load_full(), clock::now(), &self.metrics))
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {
        // No modules: Pingora's default allocates a compression module for every request, which does nothing at level
        // 0.
    }

    fn on_connection_reuse(&self, _: &mut Session, _: &mut Logged, announcement: Box<dyn Any + Send + Sync>) {
        connection::header_arrived(&*announcement);
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Logged) -> Result<()> {
        let limits = &ctx.snapshot.limits;
        // Without these an idle HTTP/1.1 connection is kept forever, and a client can send one byte a minute. A
        // connection that is to be closed (`Connection: close`, HTTP/1.0) is closed, because its client can wait for
        // that.
        if self.draining.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        } else if session.get_keepalive().is_some() {
            session.set_keepalive(Some(limits.idle.as_secs().max(1)));
        }
        session.set_read_timeout(Some(Duration::from_secs(30)));
        session.set_write_timeout(Some(Duration::from_secs(30)));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Logged) -> Result<bool> {
        let head = match read(session, ctx) {
            Ok(head) => head,
            Err(malformed) => {
                self.count_rejected(malformed);
                if malformed == Malformed::Framing {
                    // Where the next request begins is not known.
                    session.set_keepalive(None);
                }
                respond::deny(session, ctx, malformed.into()).await?;
                return Ok(true);
            }
        };
        match self.decide(session, ctx, &head).await? {
            Ok(answered) => Ok(answered),
            Err(denial) => {
                respond::deny(session, ctx, denial).await?;
                Ok(true)
            }
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Logged,
    ) -> Result<()> {
        if let (true, Some(upgrade)) = (end, &ctx.upgrade) {
            upgrade.release();
        }
        let received = body.as_ref().map_or(0, |chunk| chunk.len() as u64);
        ctx.request_bytes += received;
        if received > 0 || end {
            ctx.last_sent = Instant::now();
        }
        stream::body(&self.gate.revocations, session, ctx);
        let limit = ctx.permit.as_ref().map_or(0, |permit| permit.route().body_bytes);
        if ctx.request_bytes > limit && !session.was_upgraded() {
            ctx.denial = Some(Denial::BodyTooLarge);
            return Error::e_explain(ErrorType::HTTPStatus(413), "the body is larger than the route allows");
        }
        Ok(())
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Logged) -> Result<Box<HttpPeer>> {
        let permit = ctx
            .permit
            .as_ref()
            .ok_or_else(|| Error::explain(ErrorType::InternalError, "no permit"))?;
        if !self.capacity.has_room_for_a_request() {
            let upstream = &permit.route().upstream;
            let labels = [&**upstream, "connections_exhausted"];
            self.metrics.upstream_errors.with_label_values(&labels).inc();
            ctx.denial = Some(Denial::ConnectionsExhausted);
            return Error::e_explain(ErrorType::HTTPStatus(503), "no file descriptor for another connection");
        }
        let address = ctx.origin.as_ref().map(|origin| origin.address);
        match self
            .upstreams
            .choose(&permit.route().upstream, address, ctx.upstream.as_ref())
        {
            Ok((choice, mut peer)) => {
                if !choice.is_http2() && session.is_upgrade_req() {
                    ctx.upgrade = Some(upgrade::prepare(&mut peer, &self.upstreams.upgrades));
                }
                if ctx.attempts > 0 {
                    self.metrics.upstream_retries.with_label_values(&[choice.name()]).inc();
                }
                ctx.upstream = Some(choice);
                ctx.attempts += 1;
                ctx.last_sent = Instant::now();
                ctx.upstream_started = Some(ctx.last_sent);
                let overhead = ctx.started.elapsed();
                ctx.overhead.get_or_insert(overhead);
                Ok(Box::new(peer))
            }
            Err(denial) => {
                let upstream = &permit.route().upstream;
                self.metrics
                    .upstream_errors
                    .with_label_values(&[&**upstream, "no_healthy"])
                    .inc();
                ctx.denial = Some(denial);
                Error::e_explain(ErrorType::HTTPStatus(503), "no server to send to")
            }
        }
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        reused: bool,
        _: &HttpPeer,
        _: std::os::fd::RawFd,
        _: Option<&Digest>,
        ctx: &mut Logged,
    ) -> Result<()> {
        if let (false, Some(choice), Some(started)) = (reused, &ctx.upstream, ctx.upstream_started) {
            self.metrics
                .upstream_connect_duration
                .with_label_values(&[choice.name()])
                .observe(started.elapsed().as_secs_f64());
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        ctx: &mut Logged,
    ) -> Result<()> {
        stream::call(&self.gate.revocations, session, ctx);
        let permit = ctx
            .permit
            .as_ref()
            .ok_or_else(|| Error::explain(ErrorType::InternalError, "no permit"))?;
        forward::prepare(upstream, ctx, permit, &self.metrics)?;
        if let Some(upgrade) = &ctx.upgrade {
            upgrade.hold();
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        ctx: &mut Logged,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // Nothing was sent, so a retry repeats nothing; still only for idempotent methods.
        let retries = ctx.upstream.as_ref().map_or(0, upstream::Choice::retries);
        error.set_retry(ctx.attempts <= retries && session.req_header().method.is_idempotent());
        failure::count_upstream_error(ctx, &error);
        error
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        answer: &mut ResponseHeader,
        ctx: &mut Logged,
    ) -> Result<()> {
        let upgrading = ctx.upgrade.is_some();
        response::check(answer, upgrading)
            .map_err(|fault| Error::explain(ErrorType::InvalidHTTPHeader, fault).into_up())?;
        if answer.status.is_informational() && answer.status != http::StatusCode::SWITCHING_PROTOCOLS {
            ctx.interim += 1;
            if ctx.interim > response::INTERIM {
                return Err(Error::explain(ErrorType::InvalidHTTPHeader, "too many interim responses").into_up());
            }
            // Pingora begins the timeout anew with each of them, so that they could go on forever.
            let limit = ctx.upstream.as_ref().map(upstream::Choice::read_timeout);
            if limit.is_some_and(|limit| ctx.last_sent.elapsed() > limit) {
                return Err(Error::explain(ErrorType::ReadTimedout, "interim responses only").into_up());
            }
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        answer: &mut ResponseHeader,
        ctx: &mut Logged,
    ) -> Result<()> {
        if answer.status.is_informational() && answer.status != http::StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        if answer.status == http::StatusCode::SWITCHING_PROTOCOLS {
            // From now on silence is normal: a WebSocket can be idle for an hour.
            session.set_read_timeout(None);
        }
        if session.req_header().version == http::Version::HTTP_10
            && answer.remove_header(&http::header::TRANSFER_ENCODING).is_some()
        {
            // HTTP/1.0 has no chunked coding: the end of the connection is the end of the body.
            session.set_keepalive(None);
        }
        ctx.answered_by = AnsweredBy::Upstream;
        ctx.upstream_took = ctx.upstream_started.map(|started| started.elapsed());
        if let Some(choice) = &ctx.upstream {
            self.metrics
                .upstream_requests
                .with_label_values(&[choice.name(), answer.status.as_str()])
                .inc();
            if let Some(took) = ctx.upstream_took {
                self.metrics
                    .upstream_request_duration
                    .with_label_values(&[choice.name()])
                    .observe(took.as_secs_f64());
            }
        }
        if let Some(permit) = &ctx.permit {
            respond::limits(answer, permit.limits())?;
        }
        if let Some(cors) = cors::rules(ctx) {
            cors::apply(answer, &session.req_header().headers, cors)?;
        }
        if let Some(ids) = &ctx.ids {
            answer.insert_header("X-Request-Id", ids.request_id.clone())?;
        }
        stream::answer(&self.gate.revocations, session, answer, ctx);
        Ok(())
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        ctx: &mut Logged,
    ) -> Result<Option<Duration>> {
        ctx.response_bytes += body.as_ref().map_or(0, |chunk| chunk.len() as u64);
        stream::body(&self.gate.revocations, session, ctx);
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut Logged) -> FailToProxy {
        let denial = ctx.denial.take().or_else(|| failure::denial(session, error, ctx));
        ctx.client_gone = denial.is_none();
        if let Some(Denial::Malformed(malformed)) = denial {
            self.count_rejected(malformed);
        }
        let Some(denial) = denial.filter(|_| !failure::has_response(session)) else {
            // The client has disconnected, or has received part of a response: no other response can be sent.
            return FailToProxy {
                error_code: 0,
                can_reuse_downstream: false,
            };
        };
        ctx.answered_by = AnsweredBy::Gateway;
        let code = denial.status().as_u16();
        // The body may be partly read, so the connection cannot be used for another request.
        session.set_keepalive(None);
        if let Err(error) = respond::deny(session, ctx, denial).await {
            tracing::debug!(%error, "the client has disconnected");
        }
        FailToProxy {
            error_code: code,
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Logged) {
        if let Some(error) = error {
            // Not its message, which has the bytes that Pingora could not parse: cookies of a response, queries.
            tracing::debug!(
                request_id = ctx.ids.as_ref().map(Ids::request_id),
                kind = error.etype().as_str(),
                from = error.esource().as_str(),
                "the request failed"
            );
        }
        access_log::record(session, ctx);
    }

    fn suppress_error_log(&self, _: &Session, _: &Logged, _: &Error) -> bool {
        // Pingora's line contains the query string, which can contain a token; ours does not.
        true
    }

    fn request_summary(&self, session: &Session, ctx: &Logged) -> String {
        format!("{} {}", summary::method(&session.req_header().method), ctx.route_id())
    }
}

impl Proxy {
    /// Calls the endpoints or the gate. `Ok(true)`: the response was sent; `Ok(false)`: the request goes on to the
    /// upstream.
    async fn decide(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        head: &reading::Head,
    ) -> Result<Result<bool, Denial>> {
        let target = match &*head.target {
            b"*" => Target::asterisk(),
            target => match Target::read(target) {
                Ok(target) => target,
                Err(malformed) => {
                    self.count_rejected(malformed);
                    return Ok(Err(malformed.into()));
                }
            },
        };
        let auth = self.auth.as_ref().filter(|auth| auth.owns(target.path()));
        ctx.is_own = auth.is_some() || target.path() == JWKS_PATH;
        if ctx.is_own
            && let Some(cors) = ctx.snapshot.cors.clone()
            && let Some(announced) = cors::announced(session.req_header())
        {
            return cors::preflight(session, ctx, &cors, &announced).await;
        }
        if let Some(auth) = auth {
            if let Some(malformed) = target.beyond(Unusual::default()) {
                return Ok(Err(malformed.into()));
            }
            let served = auth.serve(session, ctx, &head.target, &self.metrics).await?;
            if let Err(denial) = &served {
                let code = denial.code();
                self.metrics.endpoint_refusals.with_label_values(&[code]).inc();
            }
            return Ok(served.map(|()| true));
        }
        if ctx.is_own {
            return well_known::jwks(session, ctx, &self.gate.asserter).await;
        }
        let begun = Instant::now();
        let header = session.req_header();
        let announced = cors::announced(header);
        let mut request = Request {
            method: announced.as_ref().unwrap_or(&header.method),
            host: &head.host,
            target,
            headers: &header.headers,
            address: ctx
                .origin
                .as_ref()
                .map_or(IpAddr::from([127, 0, 0, 1]), |origin| origin.address),
        };
        if let Some(announced) = &announced
            && let Ok(route) = gate::route_of(&request, &ctx.snapshot.rules)
            && let Some(cors) = route.cors.clone()
        {
            ctx.trace.route = Some(route);
            return cors::preflight(session, ctx, &cors, announced).await;
        }
        request.method = &header.method;
        let decision = gate::admit(&request, &self.gate, &ctx.snapshot.rules, ctx.now, &mut ctx.trace).await;
        ctx.gate_took = Some(begun.elapsed());
        let permit = match decision {
            Ok(permit) => permit,
            Err(denial) => return Ok(Err(denial)),
        };
        if let Some(caller) = permit.caller() {
            self.activity.note(
                caller,
                ctx.origin.as_ref().map(|origin| origin.address),
                &header.headers,
                ctx.now,
            );
        }
        if let Some(prefix) = &permit.route().strip_prefix {
            match without_prefix(&head.target, prefix) {
                Some(rest) => ctx.forward_target = Some(rest),
                None => return Ok(Err(Malformed::NeedlessEscape.into())),
            }
        }
        let announced = content_length::announced(&header.headers);
        if announced.is_some_and(|length| length > permit.route().body_bytes) {
            return Ok(Err(Denial::BodyTooLarge));
        }
        let bound = Bound {
            method: &header.method,
            scheme: ctx.origin.as_ref().map_or("http", address::Origin::scheme),
            authority: forward::authority(header, &head.host),
            target: ctx.forward_target.as_deref().unwrap_or(&head.target),
        };
        match self.gate.asserter.assert(&permit, &bound, ctx.now) {
            Ok(assertion) => ctx.assertion = assertion.map(|(name, value)| (name.clone(), value)),
            Err(denial) => return Ok(Err(denial)),
        }
        ctx.permit = Some(permit);
        Ok(Ok(false))
    }

    fn count_rejected(&self, malformed: Malformed) {
        self.metrics
            .requests_rejected
            .with_label_values(&[malformed.rejection()])
            .inc();
    }
}

/// Parses the request once; everything after this uses the result.
fn read(session: &mut Session, ctx: &mut Context) -> Result<reading::Head, Malformed> {
    let peer = session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::from([127, 0, 0, 1]), std::net::SocketAddr::ip);
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    let origin = address::origin(peer, tls, &session.req_header().headers, &ctx.snapshot.trusted_proxies);
    ctx.ids = Some(Ids::of(&session.req_header().headers, origin.trusted_peer));
    ctx.origin = Some(origin);
    let head = reading::read(session, &ctx.snapshot.limits)?;
    ctx.host.clone_from(&head.host);
    if session.req_header().version == http::Version::HTTP_10 {
        // HTTP/1.0 has no interim responses, and nobody waits for one (RFC 9110 sections 10.1.1 and 15.2).
        session.set_ignore_info_resp(true);
        session.req_header_mut().remove_header(&http::header::EXPECT);
    }
    upgrade::ignore_others(session);
    if head.rewritten {
        session
            .req_header_mut()
            .set_raw_path(&head.target)
            .map_err(|_| Malformed::ControlByte)?;
    }
    Ok(head)
}
