//! The admin listener, for operators and probes: metrics, liveness, readiness, reload. It has no authentication: never
//! expose it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use pingora::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use tokio::sync::{mpsc, oneshot};

use crate::{keys::Keys, metrics::Metrics};

/// A request to reload the configuration: the channel for its result.
pub type ReloadRequest = oneshot::Sender<Result<String, String>>;

/// The handler of the admin listener.
pub struct Admin {
    /// The metrics to render.
    pub metrics: Arc<Metrics>,
    /// The verification keys: an instance without one is not ready.
    pub keys: Arc<Keys>,
    /// Whether this instance should receive requests.
    pub state: Arc<Readiness>,
    /// The task that reloads.
    pub reload: mpsc::Sender<ReloadRequest>,
}

/// Whether this instance should receive requests.
#[derive(Debug, Default)]
pub struct Readiness {
    listening: AtomicBool,
    draining: Arc<AtomicBool>,
}

impl Readiness {
    /// Records that the proxy accepts connections.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Relaxed);
    }

    /// Records that the process is shutting down, so that load balancers stop sending requests.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the process is shutting down, for the proxy, which then asks clients to close their connections.
    pub fn is_draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    /// Whether the instance is ready.
    pub fn is_ready(&self, keys: &Keys) -> bool {
        self.obstacle(keys).is_none()
    }

    /// Why the instance is not ready. The health of Redis, PostgreSQL and the application does not count: taking every
    /// instance out of service during an outage of one store would turn a degraded service into none.
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
                "not found; expected /metrics, /livez, /readyz or POST /-/reload\n",
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
            _ => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the reload did not finish within 30 s\n",
            ),
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
