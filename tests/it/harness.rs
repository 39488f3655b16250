//! The tools of the tests, because a broken tool hides failures.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::support::{Behaviour, Connection, Database, FaultProxy, Redis, Upstream, wait_until};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn say(upstream: &Upstream, bytes: &[u8]) -> Connection {
    let mut connection = Connection::open(upstream.address().port()).await;
    connection.send(bytes).await;
    connection
}

#[tokio::test]
async fn the_upstream_reports_the_bytes_it_saw() {
    let upstream = Upstream::start().await;
    let request =
        b"POST /a/..//b?\xff HTTP/1.1\r\nHost: x\r\nX_User:  one\r\nx-user: two\r\nContent-Length: 3\r\n\r\na\x00\xfe";
    let answer = say(&upstream, request).await.answer(false).await.unwrap();
    let seen = answer.upstream_saw();
    assert_eq!(seen.request_line, "POST /a/..//b?\u{ff} HTTP/1.1");
    assert_eq!(seen.target(), "/a/..//b?\u{ff}");
    assert_eq!(
        seen.lines,
        ["Host: x", "X_User:  one", "x-user: two", "Content-Length: 3"]
    );
    assert_eq!(seen.header("X-USER"), Some("two"));
    assert_eq!(seen.header_family("X-User"), ["one", "two"]);
    assert_eq!(seen.body, "a\u{0}\u{fe}");
    assert_eq!(upstream.seen(), [seen]);
}

#[tokio::test]
async fn the_upstream_reads_chunks_and_keeps_the_connection() {
    let upstream = Upstream::start().await;
    let chunked = b"PUT /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    let mut connection = say(&upstream, chunked).await;
    assert_eq!(connection.answer(false).await.unwrap().upstream_saw().body, "abcd");
    connection
        .send(b"HEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n")
        .await;
    assert_eq!(connection.answer(true).await.unwrap().body(), b"");
    assert_eq!(connection.answer(false).await.unwrap().upstream_saw().target(), "/3");
}

#[tokio::test]
async fn the_upstream_misbehaves_as_configured() {
    let upstream = Upstream::start().await;
    let get = b"GET / HTTP/1.1\r\n\r\n";
    upstream.behave(Behaviour::Status(503));
    assert_eq!(say(&upstream, get).await.answer(false).await.unwrap().status(), 503);
    upstream.behave(Behaviour::Close);
    assert!(say(&upstream, get).await.is_closed_within(TIMEOUT).await);
    upstream.behave(Behaviour::Cut);
    assert!(say(&upstream, get).await.bytes().await.ends_with(b"hal"));
    upstream.behave(Behaviour::Slow(Duration::from_millis(200)));
    let begun = Instant::now();
    say(&upstream, get).await.answer(false).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    upstream.behave(Behaviour::Raw(
        b"HTTP/1.1 299 Odd\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".into(),
    ));
    let odd = say(&upstream, get).await.answer(false).await.unwrap();
    assert_eq!(
        (odd.status(), odd.text().as_str(), odd.reached_upstream()),
        (299, "hi", false)
    );
}

#[tokio::test]
async fn the_upstream_switches_protocols_and_echoes() {
    let upstream = Upstream::start().await;
    let mut connection = say(
        &upstream,
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .await;
    let answer = connection.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.headers("upgrade")), (101, vec!["websocket"]));
    connection.send(b"\x81\x02hi").await;
    assert_eq!(connection.bytes().await, b"\x81\x02hi");
}

#[tokio::test]
async fn two_tests_share_neither_a_database_nor_a_redis() {
    let (one, other) = (Database::empty().await, Database::empty().await);
    one.connect().await.batch_execute("CREATE TABLE mine ()").await.unwrap();
    assert!(other.connect().await.batch_execute("SELECT FROM mine").await.is_err());

    let (one, other) = (Redis::reserve().await, Redis::reserve().await);
    let () = redis::cmd("SET")
        .arg("mine")
        .arg(1)
        .query_async(&mut one.connect().await)
        .await
        .unwrap();
    let found: Option<i32> = redis::cmd("GET")
        .arg("mine")
        .query_async(&mut other.connect().await)
        .await
        .unwrap();
    assert_eq!(found, None);
    let () = redis::cmd("FLUSHDB")
        .query_async(&mut other.connect().await)
        .await
        .unwrap();
    let kept: Option<i32> = redis::cmd("GET")
        .arg("mine")
        .query_async(&mut one.connect().await)
        .await
        .unwrap();
    assert_eq!(kept, Some(1));
}

#[tokio::test]
async fn the_network_to_redis_can_be_cut_frozen_and_slow() {
    let (redis, network) = (Redis::reserve().await, FaultProxy::to_redis());
    let url = redis.url_through(network.port());
    let ping = async || {
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    ping().await.unwrap();

    network.freeze();
    assert!(
        timeout(Duration::from_millis(200), ping()).await.is_err(),
        "a frozen network is silent"
    );
    network.cut();
    wait_until("connections are refused", TIMEOUT, async || {
        let refused = tokio::net::TcpStream::connect(("127.0.0.1", network.port())).await;
        refused.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
    .await;
    network.delay(Duration::from_millis(20));
    wait_until("it listens again", TIMEOUT, async || ping().await.is_ok()).await;
    let begun = Instant::now();
    ping().await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_millis(40),
        "there and back is twice the delay"
    );
    network.heal();
    ping().await.unwrap();
}

#[tokio::test]
async fn what_was_frozen_on_the_way_to_postgres_arrives_after_all() {
    let (database, network) = (Database::empty().await, FaultProxy::to_postgres());
    let url = database.url_through(network.port());
    let connect = async || tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    let (client, connection) = connect().await.unwrap();
    tokio::spawn(connection);

    network.freeze();
    let mut query = Box::pin(client.query_one("SELECT 7", &[]));
    assert!(
        timeout(Duration::from_millis(200), &mut query).await.is_err(),
        "a frozen network is silent"
    );
    network.heal();
    assert_eq!(timeout(TIMEOUT, query).await.unwrap().unwrap().get::<_, i32>(0), 7);
    network.cut();
    assert!(
        client.query_one("SELECT 7", &[]).await.is_err(),
        "a cut connection is gone"
    );
}
