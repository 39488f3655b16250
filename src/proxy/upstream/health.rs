//! Active health checks: a GET request that has to be answered with 2xx or 3xx in time.

use std::{sync::atomic::Ordering, time::Duration};

use http::{Uri, header};
use pingora::{
    ErrorType, OkOrErr as _, OrErr as _,
    connectors::{
        TransportConnector,
        http::v2::{H2HandshakeSettings, handshake},
    },
    http::RequestHeader,
    protocols::http::{client::HttpSession, v1::client::HttpSession as Http1},
    upstreams::peer::HttpPeer,
};
use tokio::sync::OnceCell;

use super::group::{Backend, Group};
use super::settings::Server;
use crate::metrics::Metrics;

/// Opens the connections of all health checks.
#[derive(Default)]
pub(super) struct Checker {
    /// Made for the first check: it loads the system's certificates, which takes milliseconds.
    connector: OnceCell<TransportConnector>,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checker")
    }
}

impl Checker {
    /// Checks every server of a group at once.
    pub(super) async fn check(&self, group: &Group, metrics: &Metrics) {
        let Some(check) = &group.spec.health else { return };
        futures::future::join_all(group.backends.iter().map(|backend| async {
            let within = group.spec.timeouts.connect + Duration::from_secs(2);
            let passed = self.passes(backend, &check.path, within).await;
            let healthy = backend.checked(passed, check);
            let server = format!("{}:{}", backend.server.host, backend.server.port);
            if backend.healthy.swap(healthy, Ordering::Relaxed) != healthy {
                tracing::warn!(
                    upstream = &*group.spec.name,
                    server,
                    healthy,
                    "the health of a server changed"
                );
            }
            metrics
                .upstream_healthy
                .with_label_values(&[&*group.spec.name, &server])
                .set(i64::from(healthy));
        }))
        .await;
    }

    async fn passes(&self, backend: &Backend, path: &str, within: Duration) -> bool {
        let Some(peer) = backend.peer.load_full() else {
            return false;
        };
        let answer = tokio::time::timeout(within, self.status(&peer, path, &backend.server)).await;
        matches!(answer, Ok(Ok(200..=399)))
    }

    async fn status(&self, peer: &HttpPeer, path: &str, server: &Server) -> pingora::Result<u16> {
        let connect = async || tokio::task::spawn_blocking(|| TransportConnector::new(None)).await;
        let connector = self.connector.get_or_try_init(connect).await;
        let connector = connector.or_err(ErrorType::InternalError, "the certificates were not loaded")?;
        // A new connection each time: a pooled one only shows that the server was healthy before.
        let stream = connector.new_stream(peer).await?;
        let session = if server.http2 {
            let mut settings = H2HandshakeSettings::new();
            settings.max_streams = 1;
            let stream = handshake(stream, settings).await?.spawn_stream().await?;
            HttpSession::H2(stream.or_err(ErrorType::H2Error, "the server accepts no stream")?)
        } else {
            HttpSession::H1(Http1::new_with_options(stream, peer))
        };
        ask(session, path, server).await
    }
}

async fn ask(mut session: HttpSession, path: &str, server: &Server) -> pingora::Result<u16> {
    let mut request = RequestHeader::build("GET", path.as_bytes(), None)?;
    let authority = authority(server);
    if server.http2 {
        // HTTP/2 has pseudo-header fields instead of `Host`; Pingora makes them from the URI.
        let scheme = if server.tls { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(&*authority)
            .path_and_query(path)
            .build();
        request.set_uri(uri.or_err(ErrorType::InternalError, "the address of a server is no authority")?);
    } else {
        request.insert_header(header::HOST, authority)?;
    }
    request.insert_header(header::USER_AGENT, "sidegate-health")?;
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    Ok(session.response_header().map_or(0, |answer| answer.status.as_u16()))
}

fn authority(server: &Server) -> String {
    let Server { host, port, .. } = server;
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
