//! The second listener, for operators and probes: metrics, liveness, readiness, reload. Never to be exposed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use pingora::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use tokio::sync::{mpsc, oneshot};

use crate::{keys::Keys, metrics::Metrics};

/// A request to reload, and where to say how it went.
pub type ReloadRequest = oneshot::Sender<Result<String, String>>;

/// What the admin listener shows and does.
pub struct Admin {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Without a key nothing can be verified.
    pub keys: Arc<Keys>,
    /// Whether this instance wants requests.
    pub state: Arc<Readiness>,
    /// Where reloads are done.
    pub reload: mpsc::Sender<ReloadRequest>,
}

/// Whether this instance wants requests.
#[derive(Debug, Default)]
pub struct Readiness {
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// The proxy accepts connections.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Relaxed);
    }

    /// The process is about to end: load balancers should look elsewhere.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn is_ready(&self, keys: &Keys) -> bool {
        self.obstacle(keys).is_none()
    }

    /// What is in the way, if anything. The health of Redis, PostgreSQL and the application is not: taking every instance
    /// out of service because one store is away would turn a degraded service into none.
    fn obstacle(&self, keys: &Keys) -> Option<&'static str> {
        if self.draining.load(Ordering::Relaxed) {
            Some("draining")
        } else if keys.current().is_empty() {
            Some("no verification key yet")
        } else if !self.listening.load(Ordering::Relaxed) {
            Some("not listening yet")
        } else {
            None
        }
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        match (&request.method, request.uri.path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => answer(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                self.metrics.render(),
            ),
            (&Method::GET | &Method::HEAD, "/livez") => text(StatusCode::OK, "alive\n"),
            (&Method::GET | &Method::HEAD, "/readyz") => match self.state.obstacle(&self.keys) {
                None => text(StatusCode::OK, "ready\n"),
                Some(obstacle) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {obstacle}\n")),
            },
            (&Method::POST, "/-/reload") => self.reload().await,
            (_, "/metrics" | "/livez" | "/readyz" | "/-/reload") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n")
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "there is /metrics, /livez, /readyz and POST /-/reload\n",
            ),
        }
    }
}

impl Admin {
    async fn reload(&self) -> Response<Vec<u8>> {
        let (reply, outcome) = oneshot::channel();
        if self.reload.send(reply).await.is_err() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
        }
        match tokio::time::timeout(std::time::Duration::from_secs(30), outcome).await {
            Ok(Ok(Ok(done))) => text(StatusCode::OK, &format!("{done}\n")),
            Ok(Ok(Err(wrong))) => text(StatusCode::UNPROCESSABLE_ENTITY, &format!("{wrong}\n")),
            _ => text(StatusCode::INTERNAL_SERVER_ERROR, "the reload did not end\n"),
        }
    }
}

fn text(status: StatusCode, body: &str) -> Response<Vec<u8>> {
    answer(status, "text/plain; charset=utf-8", body.as_bytes().to_vec())
}

fn answer(status: StatusCode, content_type: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::CACHE_CONTROL, "no-store");
    response.body(body).expect("every part is valid")
}
