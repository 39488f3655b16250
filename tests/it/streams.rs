//! Long requests end with their session, and others are not affected.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Behaviour, Connection, Sidecar, TestSidecar, User, claims, now, wait_until};

/// The promised second, and some time for a busy test machine.
const WITHIN: Duration = Duration::from_secs(1);

/// An endless response that begins with one event and then is silent.
const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n";

async fn web_socket(sidecar: &Sidecar, user: &User) -> Connection {
    let upgrade = sidecar
        .get("/live")
        .bearer(&user.access_token)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut connection = sidecar.connect().await;
    connection.send(&upgrade.to_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 101);
    assert_alive(&mut connection).await;
    connection
}

/// Checks that what is sent is echoed.
async fn assert_alive(connection: &mut Connection) {
    connection.send(b"\x81\x02hi").await;
    assert_eq!(connection.bytes().await, b"\x81\x02hi");
}

async fn event_stream(sidecar: &Sidecar, user: &User) -> Connection {
    let mut connection = sidecar.connect().await;
    connection
        .send(&sidecar.get("/events").bearer(&user.access_token).to_bytes())
        .await;
    let mut read = Vec::new();
    while !read.ends_with(b"data: 1\n\r\n") {
        let more = connection.bytes().await;
        assert!(!more.is_empty(), "{}", String::from_utf8_lossy(&read));
        read.extend(more);
    }
    connection
}

async fn log_out(sidecar: &Sidecar, user: &User) {
    let answer = sidecar.post("/auth/logout").bearer(&user.access_token).send().await;
    assert!(answer.status() < 300, "{} {}", answer.status(), answer.text());
}

#[tokio::test]
async fn a_silent_web_socket_closes_within_a_second_of_the_logout_and_others_stay() {
    let sidecar = TestSidecar::new().start().await;
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    let at_work = sidecar.login(&alice.email).await;
    let mut hers = web_socket(&sidecar, &alice).await;
    let mut at_work = web_socket(&sidecar, &at_work).await;
    let mut his = web_socket(&sidecar, &bob).await;

    log_out(&sidecar, &alice).await;
    assert!(hers.is_closed_within(WITHIN).await, "hers outlives her session");
    assert_alive(&mut his).await;
    assert_alive(&mut at_work).await;
    wait_until("the ended request is in the access log", WITHIN, async || {
        sidecar.logs().contains(r#""ended":"revoked""#)
    })
    .await;
}

#[tokio::test]
async fn a_silent_event_stream_closes_within_a_second_of_the_logout_on_another_instance() {
    let first = TestSidecar::new().start().await;
    let second = TestSidecar::beside(&first).start().await;
    second.upstream().behave(Behaviour::Raw(EVENTS.to_vec()));
    let (alice, bob) = (first.user("alice").await, first.user("bob").await);
    let mut hers = event_stream(&second, &alice).await;
    let mut his = event_stream(&second, &bob).await;

    log_out(&first, &alice).await;
    assert!(hers.is_closed_within(WITHIN).await, "hers outlives her session");
    assert!(!his.is_closed_within(Duration::from_millis(200)).await);
}

#[tokio::test]
async fn streams_close_when_their_token_expires_and_younger_ones_stay() {
    let sidecar = TestSidecar::new()
        .config("auth: { access_token: { ttl: 3s, jitter: 0% } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let mut socket = web_socket(&sidecar, &alice).await;
    sidecar.upstream().behave(Behaviour::Raw(EVENTS.to_vec()));
    let mut events = event_stream(&sidecar, &alice).await;
    let expiry = Instant::now() + Duration::from_secs(3);
    // Times of tokens are whole seconds: the next one has to be issued in a later one.
    let issued = claims(&alice.access_token)["iat"].as_u64().unwrap();
    wait_until("a later second has begun", WITHIN * 3, async || now() > issued + 1).await;
    let younger = sidecar.login(&alice.email).await;
    let mut younger = event_stream(&sidecar, &younger).await;

    assert!(socket.is_closed_within(expiry + WITHIN - Instant::now()).await);
    assert!(events.is_closed_within(WITHIN).await);
    assert!(!younger.is_closed_within(Duration::from_millis(50)).await);
    assert!(sidecar.logs().contains(r#""ended":"expired""#));
}

#[tokio::test]
async fn on_http2_only_the_streams_of_the_revoked_session_are_reset() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.upstream().behave(Behaviour::Raw(EVENTS.to_vec()));
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("http://127.0.0.1:{}/events", sidecar.port());
    let open = async |user: &User| {
        let answer = client.get(&url).bearer_auth(&user.access_token).send().await.unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        let mut body = answer.bytes_stream();
        assert_eq!(&body.next().await.unwrap().unwrap()[..], b"data: 1\n");
        body
    };
    let (mut hers, mut his) = (open(&alice).await, open(&bob).await);

    log_out(&sidecar, &alice).await;
    let end = tokio::time::timeout(WITHIN, hers.next()).await;
    let end = end.expect("her stream ends");
    assert!(end.is_none_or(|end| end.is_err()));
    let silent = tokio::time::timeout(Duration::from_millis(200), his.next()).await;
    assert!(silent.is_err(), "his stream on the same connection stays");
    drop(open(&bob).await);
}

#[tokio::test]
async fn a_long_download_ends_with_its_session_but_not_with_its_token() {
    const TIMEOUT: Duration = Duration::from_secs(10);
    let sidecar = TestSidecar::new()
        .config("auth: { access_token: { ttl: 2s, jitter: 0% } }")
        .start()
        .await;
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    sidecar.upstream().behave(Behaviour::Dribble);
    let open = async |user: &User| {
        let mut connection = sidecar.connect().await;
        connection
            .send(&sidecar.get("/film").bearer(&user.access_token).to_bytes())
            .await;
        connection.bytes().await;
        connection
    };
    let (mut hers, mut his) = (open(&alice).await, open(&bob).await);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(3_500) {
        assert!(!hers.bytes().await.is_empty() && !his.bytes().await.is_empty());
    }
    // She has to sign in again to sign out: her token expired during the stream.
    let token = sidecar.refresh(&alice.refresh_token).await.json();
    let fresh = token["access_token"].as_str().unwrap();
    assert!(sidecar.post("/auth/logout").bearer(fresh).send().await.status() < 300);
    let revoked = Instant::now();
    wait_until("her download ends", TIMEOUT, async || hers.bytes().await.is_empty()).await;
    assert!(revoked.elapsed() < WITHIN + Duration::from_millis(500));
    assert!(!his.bytes().await.is_empty());
}

/// An application that is as fast as possible: it sends its 101 before it has read a byte, and then echoes.
async fn hasty_upstream() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(switch).await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_socket_stays_open_however_fast_its_101_comes() {
    let servers = format!(
        "upstreams: {{ app: {{ servers: [\"http://{}\"] }} }}",
        hasty_upstream().await
    );
    let sidecar = TestSidecar::new().config(&servers).start().await;
    let alice = sidecar.user("alice").await;
    for _ in 0..20 {
        let openings = (0..10).map(|_| web_socket(&sidecar, &alice));
        for mut connection in futures::future::join_all(openings).await {
            assert_alive(&mut connection).await;
        }
    }
}
