//! The origin of a request: read from the right, and from trusted proxies only.

use crate::support::TestSidecar;

#[tokio::test]
async fn the_forwarding_headers_of_a_stranger_are_replaced() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let request = sidecar.get("/x").host("App.test:81");
    let request = request
        .header("X-Forwarded-For", "1.1.1.1")
        .header("X_Forwarded_For", "2.2.2.2");
    let request = request
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "bank.test");
    let request = request
        .header("Forwarded", "for=1.1.1.1;host=bank.test")
        .header("X-Real-IP", "1.1.1.1");
    let request = request
        .header("X-Original-URL", "/admin")
        .header("X-Forwarded-Uri", "/healthz");
    let seen = request.send().await.upstream_saw();
    assert_eq!(seen.header_family("X-Forwarded-For"), ["127.0.0.1"]);
    assert_eq!(seen.header_family("X-Forwarded-Proto"), ["http"]);
    assert_eq!(seen.header_family("X-Forwarded-Host"), ["App.test:81"]);
    for name in ["Forwarded", "X-Real-IP", "X-Original-URL", "X-Forwarded-Uri"] {
        assert_eq!(seen.header_family(name), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_from_the_right() {
    let trusted = "server: { trusted_proxies: [127.0.0.0/8, 10.0.0.0/8] }";
    let sidecar = TestSidecar::new().route("/**", "public").config(trusted).start().await;
    let request = sidecar
        .get("/x")
        .header("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.2");
    let request = request
        .header("X-Forwarded-Proto", "http, https")
        .header("X-Request-Id", "abc-1");
    let seen = request.send().await.upstream_saw();
    assert_eq!(seen.header("X-Forwarded-For"), Some("192.0.2.7, 10.0.0.2, 127.0.0.1"));
    assert_eq!(seen.header("X-Forwarded-Proto"), Some("https"));
    assert_eq!(seen.header("X-Request-Id"), Some("abc-1"));
}

#[tokio::test]
async fn of_two_fields_of_a_trusted_proxy_the_last_one_counts() {
    let trusted = "server: { trusted_proxies: [127.0.0.0/8, 10.0.0.0/8] }";
    let sidecar = TestSidecar::new().route("/**", "public").config(trusted).start().await;
    let request = sidecar.get("/x").header("X-Forwarded-Proto", "https");
    let request = request.header("X-Forwarded-Proto", "http");
    let request = request.header("X-Forwarded-For", "6.6.6.6, 192.0.2.7");
    let seen = request
        .header("X-Forwarded-For", "10.0.0.2")
        .send()
        .await
        .upstream_saw();
    assert_eq!(seen.header_family("X-Forwarded-Proto"), ["http"]);
    assert_eq!(seen.header("X-Forwarded-For"), Some("192.0.2.7, 10.0.0.2, 127.0.0.1"));
}

#[tokio::test]
async fn a_strangers_request_id_and_trace_are_replaced() {
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = sidecar
        .get("/x")
        .header("X-Request-Id", "abc-1")
        .header("traceparent", trace);
    let answer = request.send().await;
    let seen = answer.upstream_saw();
    assert_eq!(seen.header("X-Request-Id").map(str::len), Some(32));
    assert_eq!(seen.header("X-Request-Id"), answer.header("x-request-id"));
    assert_ne!(seen.header("traceparent"), Some(trace));
}
