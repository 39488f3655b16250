//! Active health checks: a GET request that has to be answered with 2xx or 3xx in time.

use std::{sync::atomic::Ordering, time::Duration};

use http::{Uri, header};
use pingora::{ErrorType, OrErr as _, connectors::http::Connector, http::RequestHeader, upstreams::peer::HttpPeer};

use super::group::{Backend, Group};
use super::settings::Server;
use crate::metrics::Metrics;

/// Checks every server of a group at once.
pub(super) async fn check(group: &Group, metrics: &Metrics) {
    let Some(check) = &group.spec.health else { return };
    futures::future::join_all(group.backends.iter().map(|backend| async {
        let healthy = is_healthy(
            backend,
            &check.path,
            group.spec.timeouts.connect + Duration::from_secs(2),
        )
        .await;
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

async fn is_healthy(backend: &Backend, path: &str, within: Duration) -> bool {
    let Some(peer) = backend.peer.load_full() else {
        return false;
    };
    let answer = tokio::time::timeout(within, status(&peer, path, &backend.server)).await;
    matches!(answer, Ok(Ok(200..=399)))
}

async fn status(peer: &HttpPeer, path: &str, server: &Server) -> pingora::Result<u16> {
    // A new connection each time: a pooled one only shows that the server was healthy before.
    let connector = Connector::new(None);
    let (mut session, _) = connector.get_http_session(peer).await?;
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
