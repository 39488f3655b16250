//! Applications behind TLS: only one whose certificate is for its name, by an authority that the system trusts.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{TestSidecar, Upstream};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/testdata");

/// A TLS server with a certificate of `testdata` in front of `upstream`; its port.
async fn with_certificate(name: &str, upstream: &Upstream) -> u16 {
    let certificate = CertificateDer::from_pem_file(format!("{TESTDATA}/{name}.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{TESTDATA}/{name}.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, upstream) = (listener.local_addr().unwrap().port(), upstream.address());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that refuses the certificate disconnects.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut plain = TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn only_a_certificate_for_the_name_by_a_trusted_authority_is_accepted() {
    let upstream = Upstream::start().await;
    let mut sidecar = TestSidecar::new().env("SSL_CERT_FILE", &format!("{TESTDATA}/ca.pem"));
    for name in ["server", "stranger", "other"] {
        let port = with_certificate(name, &upstream).await;
        sidecar = sidecar
            .config(&format!(
                "upstreams: {{ {name}: {{ servers: ['https://localhost:{port}'] }} }}"
            ))
            .route_yaml(&format!(
                "{{ id: {name}, match: {{ path: /{name} }}, upstream: {name}, access: public }}"
            ));
    }
    let sidecar = sidecar.start().await;
    assert_eq!(sidecar.get("/server").send().await.upstream_saw().target(), "/server");
    // Signed by itself, and by the authority for another name.
    for name in ["stranger", "other"] {
        let answer = sidecar.get(&format!("/{name}")).send().await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (502, "upstream_unreachable"),
            "{name}"
        );
    }
    assert_eq!(upstream.seen().len(), 1, "nothing was said to the others");
    let tls = sidecar
        .metric("sidegate_upstream_errors_total", &[("reason", "tls")])
        .await;
    assert!(tls >= 2.0, "{tls}");
}

#[tokio::test]
async fn an_authority_that_is_not_configured_is_not_trusted() {
    let upstream = Upstream::start().await;
    let port = with_certificate("server", &upstream).await;
    let sidecar = TestSidecar::new()
        .env("SSL_CERT_FILE", &format!("{TESTDATA}/stranger.pem"))
        .config(&format!(
            "upstreams: {{ app: {{ servers: ['https://localhost:{port}'] }} }}"
        ))
        .route("/**", "public")
        .start()
        .await;
    assert_eq!(sidecar.get("/x").send().await.status(), 502);
    assert!(upstream.seen().is_empty());
}
