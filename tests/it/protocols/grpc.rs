//! gRPC: HTTP/2 on both sides, and the status in trailers.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::TIMEOUT;
use crate::support::{Sidecar, TestIssuer, TestSidecar, wait_until};

/// An application with HTTP/2 only: it echoes each message, reports in headers what it received, and ends with
/// trailers.
async fn grpc_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else {
                    return;
                };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(echo(request, respond));
                }
            });
        }
    });
    address
}

async fn echo(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let saw = |name: &str| request.headers().get(name).cloned();
    let mut answer = Response::builder().header("content-type", "application/grpc");
    for (ours, theirs) in [
        ("saw-user", "x-forwarded-user"),
        ("saw-te", "te"),
        ("saw-authorization", "authorization"),
    ] {
        if let Some(value) = saw(theirs) {
            answer = answer.header(ours, value);
        }
    }
    let answer = answer.header("saw-path", request.uri().path()).body(()).unwrap();
    let mut out = respond.send_response(answer, false).unwrap();
    let mut body = request.into_body();
    while let Some(Ok(message)) = body.data().await {
        let _ = body.flow_control().release_capacity(message.len());
        // The client may have disconnected, or been ended.
        if out.send_data(message, false).is_err() {
            return;
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    trailers.insert("grpc-message", "well".parse().unwrap());
    let _ = out.send_trailers(trailers);
}

async fn sidecar(issuer: &TestIssuer) -> Sidecar {
    let server = grpc_server().await;
    TestSidecar::new()
        .config(&issuer.config())
        .config(&format!(
            "upstreams: {{ app: {{ servers: ['http://{server}'], http2: true }} }}"
        ))
        .start()
        .await
}

async fn connect(sidecar: &Sidecar) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(("127.0.0.1", sidecar.port())).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client.ready().await.unwrap()
}

fn call(sidecar: &Sidecar, token: &str) -> Request<()> {
    Request::post(format!("{}/helloworld.Greeter/SayHello", sidecar.url()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn messages_go_both_ways_while_the_call_lasts_and_the_status_comes_in_trailers() {
    let issuer = TestIssuer::new();
    let sidecar = sidecar(&issuer).await;
    let token = issuer.token(&serde_json::json!({}), &serde_json::json!({}));
    let mut client = connect(&sidecar).await;
    let (answer, mut messages) = client.send_request(call(&sidecar, &token), false).unwrap();
    messages.send_data("one".into(), false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header("saw-path").as_deref(), Some("/helloworld.Greeter/SayHello"));
    assert_eq!(header("saw-user").as_deref(), Some("zoe"));
    assert_eq!(header("saw-te").as_deref(), Some("trailers"));
    assert_eq!(header("saw-authorization"), None);
    let mut body = answer.into_body();
    assert_eq!(
        body.data().await.unwrap().unwrap(),
        "one",
        "before the caller has ended"
    );
    messages.send_data("two".into(), true).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap(), "two");
    assert!(body.data().await.is_none());
    let trailers = body.trailers().await.unwrap().expect("trailers arrive");
    assert_eq!(
        (&trailers["grpc-status"], &trailers["grpc-message"]),
        (&"0".parse().unwrap(), &"well".parse().unwrap())
    );
}

#[tokio::test]
async fn a_call_without_a_good_token_reaches_nobody_and_the_connection_lives_on() {
    let issuer = TestIssuer::new();
    let sidecar = sidecar(&issuer).await;
    let mut client = connect(&sidecar).await;
    let (answer, _) = client.send_request(call(&sidecar, "a.b.c"), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().get("saw-path").is_none());
    let token = issuer.token(&serde_json::json!({}), &serde_json::json!({}));
    let (answer, _) = client.send_request(call(&sidecar, &token), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_call_ends_with_its_session_and_others_on_the_same_connection_go_on() {
    let server = grpc_server().await;
    let sidecar = TestSidecar::new()
        .config(&format!(
            "upstreams: {{ app: {{ servers: ['http://{server}'], http2: true }} }}"
        ))
        .start()
        .await;
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    let mut client = connect(&sidecar).await;
    let mut calls = Vec::new();
    for user in [&alice, &bob] {
        let (answer, mut messages) = client.send_request(call(&sidecar, &user.access_token), false).unwrap();
        messages.send_data("one".into(), false).unwrap();
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "one");
        calls.push((messages, body));
    }
    let [(_hers, mut her_answers), (mut his, mut his_answers)] =
        <[_; 2]>::try_from(calls).unwrap_or_else(|_| panic!("two calls"));
    let answer = sidecar.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert_eq!(answer.status(), 204);
    let end = tokio::time::timeout(Duration::from_secs(1), her_answers.data()).await;
    assert!(end.expect("her call ends").is_none_or(|end| end.is_err()));
    his.send_data("two".into(), true).unwrap();
    assert_eq!(his_answers.data().await.unwrap().unwrap(), "two");
}

#[tokio::test]
async fn the_health_of_a_server_that_speaks_only_http_2_is_asked_in_http_2() {
    let issuer = TestIssuer::new();
    let health = "upstreams: { app: { health: { path: /healthz, every: 100ms } } }";
    let server = grpc_server().await;
    let sidecar = TestSidecar::new()
        .config(&issuer.config())
        .config(&format!(
            "upstreams: {{ app: {{ servers: ['http://{server}'], http2: true }} }}"
        ))
        .config(health)
        .start()
        .await;
    let gauge = [("upstream", "app")];
    wait_until("it was asked", TIMEOUT, async || {
        sidecar
            .admin("GET", "/metrics")
            .send()
            .await
            .text()
            .contains("sidegate_upstream_healthy{")
    })
    .await;
    assert!(
        (sidecar.metric("sidegate_upstream_healthy", &gauge).await - 1.0).abs() < 0.1,
        "{}",
        sidecar.logs()
    );
}
