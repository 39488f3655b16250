//! Redis: rate limits, and what happens when it does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::StoreError;
use sidegate::store::rate_limits::{self, Window};
use sidegate::store::redis::{Redis, Settings};
use sidegate::store::sessions_seen::{self, Seen};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::support::wait_until;

const MINUTE: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(20);

fn url() -> String {
    std::env::var("SIDEGATE_TEST_REDIS_URL")
        .expect("SIDEGATE_TEST_REDIS_URL names a Redis server for tests; `make test` starts one")
}

fn connect_to(url: &str) -> Redis {
    let namespace = format!("test-{}", Uuid::new_v4().simple());
    let settings = Settings {
        url: Secret::new(url),
        namespace,
        timeout: Duration::from_millis(500),
    };
    Redis::connect(&settings, &Arc::new(Metrics::new())).unwrap()
}

fn connect() -> Redis {
    connect_to(&url())
}

/// The time now, in milliseconds, which is the precision in Redis.
fn now() -> OffsetDateTime {
    sidegate::clock::now().replace_nanosecond(0).unwrap()
}

async fn take(redis: &Redis, limit: u64, window: Duration, cost: u64) -> Window {
    rate_limits::take(redis, "login", "192.0.2.1", limit, window, cost)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_limit_gives_exactly_what_it_says_and_then_says_when() {
    let redis = connect();
    for left in (0..5).rev() {
        let window = take(&redis, 5, MINUTE, 1).await;
        assert_eq!(
            (window.allowed, window.remaining, window.retry_after),
            (true, left, Duration::ZERO)
        );
    }
    let refused = take(&redis, 5, MINUTE, 1).await;
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
    assert!(
        refused.retry_after <= MINUTE && refused.retry_after > Duration::from_secs(55),
        "{refused:?}"
    );
    let other = rate_limits::take(&redis, "login", "192.0.2.2", 5, MINUTE, 1)
        .await
        .unwrap();
    assert!(other.allowed, "another key has its own permits");
}

#[tokio::test]
async fn of_a_hundred_parallel_calls_exactly_the_limit_pass() {
    let redis = connect();
    let calls = (0..100).map(|_| take(&redis, 37, MINUTE, 1));
    let passed = futures::future::join_all(calls)
        .await
        .into_iter()
        .filter(|window| window.allowed)
        .count();
    assert_eq!(passed, 37);
}

#[tokio::test]
async fn refusals_do_not_extend_the_window_and_the_wait_named_is_enough() {
    let redis = connect();
    let window = Duration::from_millis(600);
    assert!(take(&redis, 2, window, 2).await.allowed);
    let mut last = take(&redis, 2, window, 1).await;
    while last.retry_after > window / 3 {
        last = take(&redis, 2, window, 1).await;
        assert!(!last.allowed);
    }
    // The wait that was named is what is tested.
    tokio::time::sleep(last.retry_after).await;
    assert!(take(&redis, 2, window, 2).await.allowed);
}

#[tokio::test]
async fn permits_come_back_one_by_one_as_they_were_taken() {
    let redis = connect();
    let window = Duration::from_secs(2);
    assert!(take(&redis, 3, window, 1).await.allowed);
    // Asking for all three is refused and takes nothing, but says when the first comes back.
    wait_until("half of the window has passed", TIMEOUT, async || {
        take(&redis, 3, window, 3).await.retry_after <= window / 2
    })
    .await;
    assert!(take(&redis, 3, window, 2).await.allowed);
    let one = take(&redis, 3, window, 1).await;
    assert!(!one.allowed && one.retry_after <= window / 2, "{one:?}");
    let two = take(&redis, 3, window, 2).await;
    assert!(
        !two.allowed && two.retry_after > window / 2,
        "two need the second take to end: {two:?}"
    );
    tokio::time::sleep(one.retry_after).await;
    assert!(
        take(&redis, 3, window, 1).await.allowed,
        "a fixed window would give three, or none"
    );
    assert!(!take(&redis, 3, window, 1).await.allowed);
}

#[tokio::test]
async fn a_cost_above_the_limit_is_refused_and_costs_nothing() {
    let redis = connect();
    assert!(!take(&redis, 3, MINUTE, 4).await.allowed);
    assert!(take(&redis, 3, MINUTE, 3).await.allowed);
}

#[tokio::test]
async fn sessions_are_listed_by_their_last_sign_of_life() {
    let redis = connect();
    let (user, first, second) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let seen = |seconds| Seen {
        at: now() + Duration::from_secs(seconds),
        address: Some("2001:db8::1".parse().unwrap()),
        user_agent: Some("curl".to_owned()),
    };
    for (session, at) in [(first, 10), (second, 20), (first, 30)] {
        sessions_seen::touch(&redis, user, session, &seen(at), MINUTE)
            .await
            .unwrap();
    }
    let order: Vec<Uuid> = sessions_seen::list(&redis, user)
        .await
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(order, [first, second]);
    let found = sessions_seen::find(&redis, first).await.unwrap().unwrap();
    assert_eq!(found.user_agent.as_deref(), Some("curl"));
    assert!(sessions_seen::forget(&redis, user, first).await.unwrap());
    assert!(!sessions_seen::forget(&redis, user, first).await.unwrap());
    assert_eq!(sessions_seen::find(&redis, first).await.unwrap(), None);
    assert_eq!(sessions_seen::list(&redis, user).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_redis_that_is_away_fails_the_call_and_not_the_start() {
    let redis = connect_to("redis://127.0.0.1:1/");
    let error = redis.ping().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
}

#[tokio::test]
async fn a_redis_that_accepts_and_stays_silent_costs_no_more_than_the_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redis = connect_to(&format!("redis://127.0.0.1:{}/", listener.local_addr().unwrap().port()));
    let started = Instant::now();
    let error = redis.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

/// Answers PING with the number of the connection, and delays the first response on the first two.
async fn late_server(listener: tokio::net::TcpListener) {
    for connection in 1_u32.. {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let mut pings = 0;
            while let Ok(read) = socket.read(&mut buffer).await
                && read > 0
            {
                let text = String::from_utf8_lossy(&buffer[..read]).to_uppercase();
                // What a client says of itself as it connects.
                for _ in 0..text.matches("SETINFO").count() {
                    socket.write_all(b"+OK\r\n").await.unwrap();
                }
                if text.contains("PING") {
                    pings += 1;
                    if connection <= 2 && pings == 1 {
                        tokio::time::sleep(Duration::from_millis(800)).await;
                    }
                    if socket.write_all(b"+PONG\r\n").await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn after_a_late_answer_the_next_call_uses_another_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redis = connect_to(&format!("redis://127.0.0.1:{}/", listener.local_addr().unwrap().port()));
    tokio::spawn(late_server(listener));
    // Both sockets.
    for _ in 0..2 {
        assert!(matches!(redis.ping().await.unwrap_err(), StoreError::Timeout { .. }));
    }
    for _ in 0..2 {
        let started = Instant::now();
        redis.ping().await.unwrap();
        assert!(
            started.elapsed() < Duration::from_millis(200),
            "waited behind the late answer"
        );
    }
}

#[test]
fn a_bad_url_is_refused_without_being_quoted() {
    let refused = |url: &str| {
        let settings = Settings {
            url: Secret::new(url),
            namespace: String::new(),
            timeout: MINUTE,
        };
        Redis::connect(&settings, &Arc::new(Metrics::new()))
            .unwrap_err()
            .to_string()
    };
    for url in [
        "localhost:6379",
        "http://u:hunter2@h/",
        "redis://u:hunter2@h:port/",
        "rediss://u:hunter2@h/#insecure",
        "redis-sentinel://u:hunter2@h:26379",
        "redis-cluster://u:hunter2@",
    ] {
        assert!(!refused(url).contains("hunter2"), "{}", refused(url));
    }
    for url in [
        "redis://u:p@h:6379/1",
        "unix:///run/redis.sock",
        "redis-cluster://u:p@a:1,b:2",
        "redis-sentinel://u:p@a:1,b:2/main/0",
        "redis-sentinel://a:1/main",
    ] {
        let settings = Settings {
            url: Secret::new(url),
            namespace: String::new(),
            timeout: MINUTE,
        };
        assert!(Redis::connect(&settings, &Arc::new(Metrics::new())).is_ok(), "{url}");
    }
}
