//! Applications that are reached with HTTP/2.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use tokio::net::TcpListener;

use crate::support::{Sidecar, TestSidecar};

/// An application that responds with the `:authority` and the path that it received.
async fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else {
                    return;
                };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let answer = Response::builder()
                        .header("saw-authority", request.uri().authority().unwrap().as_str())
                        .header("saw-path", request.uri().path());
                    let mut out = respond.send_response(answer.body(()).unwrap(), false).unwrap();
                    let _ = out.send_data(Bytes::from("hello"), true);
                }
            });
        }
    });
    address
}

async fn sidecar(application: SocketAddr) -> Sidecar {
    let upstream = format!("upstreams: {{ app: {{ servers: ['http://{application}'], http2: true }} }}");
    TestSidecar::new()
        .route("/**", "public")
        .config(&upstream)
        .start()
        .await
}

#[tokio::test]
async fn a_request_that_offers_an_upgrade_is_an_ordinary_one() {
    let sidecar = sidecar(application().await).await;
    for (connection, upgrade) in [
        // What `curl --http2` sends with every request.
        ("Upgrade, HTTP2-Settings", "h2c"),
        ("Upgrade", "foo"),
        ("Upgrade", "websocket"),
        ("keep-alive", "websocket"),
    ] {
        let begun = Instant::now();
        let request = sidecar
            .get("/x")
            .header("Connection", connection)
            .header("Upgrade", upgrade);
        let answer = request.header("HTTP2-Settings", "AAMAAABkAAQAAP__").send().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"), "{upgrade}");
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?} {upgrade}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_request_of_http_1_0_without_a_host_is_for_the_server_it_is_sent_to() {
    let application = application().await;
    let sidecar = sidecar(application).await;
    let answer = sidecar.raw(b"GET /x HTTP/1.0\r\n\r\n").await.unwrap();
    let saw = (
        answer.status(),
        answer.header("saw-authority"),
        answer.header("saw-path"),
    );
    assert_eq!(saw, (200, Some(application.to_string().as_str()), Some("/x")));
    let answer = sidecar.raw(b"GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n").await.unwrap();
    assert_eq!((answer.status(), answer.header("saw-authority")), (200, Some("a.test")));
}
