//! A Redis database and a namespace for each test, so that one may flush its own.

use std::sync::Mutex;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr};

use super::service_url;

/// `sidegate dev --run` configures 4096 databases; the first contains the counter of those in use.
const DATABASES: i64 = 4096;

/// One database of the server.
#[derive(Debug, Clone, Copy)]
pub struct Redis {
    number: i64,
}

impl Redis {
    /// An empty database that no other test has.
    pub async fn reserve() -> Self {
        // The server counts, so that test processes cannot be given the same.
        let mut connection = connect(0).await;
        let count: i64 = redis::cmd("INCR")
            .arg("sidegate_test_databases")
            .query_async(&mut connection)
            .await
            .unwrap();
        let reserved = Self {
            number: 1 + count % (DATABASES - 1),
        };
        let () = redis::cmd("FLUSHDB")
            .query_async(&mut reserved.connect().await)
            .await
            .unwrap();
        reserved
    }

    /// The namespace for its keys.
    pub fn namespace(self) -> String {
        format!("test{}", self.number)
    }

    /// Its URL.
    pub fn url(self) -> String {
        let url = service_url("SIDEGATE_TEST_REDIS_URL");
        if !url.contains("unix:") {
            return format!("{}/{}", url.trim_end_matches('/'), self.number);
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}db={}", self.number)
    }

    /// Its URL through `port` on loopback.
    pub fn url_through(self, port: u16) -> String {
        let client = client(&self.url());
        let password = client.get_connection_info().redis_settings().password();
        let password = password.map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{port}/{}", self.number)
    }

    /// A connection for the test itself.
    pub async fn connect(self) -> MultiplexedConnection {
        connect_to(&self.url()).await
    }
}

/// The address of the server: a socket's path, or `host:port`.
pub(super) fn server() -> String {
    match client(&service_url("SIDEGATE_TEST_REDIS_URL"))
        .get_connection_info()
        .addr()
    {
        ConnectionAddr::Unix(path) => path.display().to_string(),
        ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        other => panic!("cannot forward to {other}"),
    }
}

fn client(url: &str) -> Client {
    // Parsing the same few URLs at the same time is all that happens under this lock.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    Client::open(url).expect("SIDEGATE_TEST_REDIS_URL is a Redis URL")
}

async fn connect(number: i64) -> MultiplexedConnection {
    connect_to(&Redis { number }.url()).await
}

async fn connect_to(url: &str) -> MultiplexedConnection {
    client(url)
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers")
}
