//! What a request sees when Redis is killed, frozen, slow, read-only or loading, when a cluster loses a master, or PostgreSQL is away.
//!
//! | | while the view is fresh | once it is older than `max_lag` |
//! |---|---|---|
//! | revoked before | 401 | 401 |
//! | `on_stale: check`, `deny` | passes | 503 |
//! | `on_stale: allow` | passes | passes |
//!
//! and no request waits longer than one call to Redis may take.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{FaultProxy, PASSWORD, RedisCluster, RedisServer, Sidecar, TestSidecar, User, wait_until};

/// `store.redis.timeout`, and what a busy test machine adds.
const BUDGET: Duration = Duration::from_millis(250 + 1_000);
const PATIENCE: Duration = Duration::from_secs(20);
const ROUTES: [&str; 3] = ["check", "deny", "allow"];

fn described() -> TestSidecar {
    ROUTES.iter().fold(TestSidecar::new(), with_route)
}

fn with_route(sidecar: TestSidecar, on_stale: &&str) -> TestSidecar {
    sidecar.route_yaml(&format!(
        "{{ id: {on_stale}, match: {{ path: /{on_stale} }}, upstream: app, access: authenticated, \
         revocation: {{ on_stale: {on_stale} }} }}"
    ))
}

/// The status on a route, in time.
async fn status(sidecar: &Sidecar, route: &str, user: &User) -> u16 {
    let begun = Instant::now();
    let answer = sidecar
        .get(&format!("/{route}"))
        .bearer(&user.access_token)
        .send()
        .await;
    let took = begun.elapsed();
    assert!(took < BUDGET, "/{route} took {took:?}");
    answer.status()
}

async fn on_all(sidecar: &Sidecar, user: &User) -> [u16; 3] {
    let [check, deny, allow] = ROUTES;
    [
        status(sidecar, check, user).await,
        status(sidecar, deny, user).await,
        status(sidecar, allow, user).await,
    ]
}

async fn log_out(sidecar: &Sidecar, user: &User) {
    let answer = sidecar.post("/auth/logout").bearer(&user.access_token).send().await;
    assert!(answer.status() < 300, "{} {}", answer.status(), answer.text());
}

/// Someone who is signed in, someone who signed out before the fault, and someone who does during it.
struct People {
    alice: User,
    bob: User,
    carol: User,
}

impl People {
    async fn sign_in(sidecar: &Sidecar) -> Self {
        let people = Self {
            alice: sidecar.user("alice").await,
            bob: sidecar.user("bob").await,
            carol: sidecar.user("carol").await,
        };
        for user in [&people.alice, &people.bob, &people.carol] {
            wait_until("the feed is read", PATIENCE, async || {
                on_all(sidecar, user).await == [200; 3]
            })
            .await;
        }
        log_out(sidecar, &people.bob).await;
        assert_eq!(on_all(sidecar, &people.bob).await, [401; 3]);
        people
    }

    /// The fault has just begun.
    async fn live_through(&self, sidecar: &Sidecar) {
        wait_until("the view is too old", PATIENCE, async || {
            assert_eq!(on_all(sidecar, &self.bob).await, [401; 3], "what is known stays known");
            on_all(sidecar, &self.alice).await == [503, 503, 200]
        })
        .await;
        log_out(sidecar, &self.carol).await;
        for _ in 0..3 {
            assert_eq!(on_all(sidecar, &self.alice).await, [503, 503, 200]);
            assert_eq!(on_all(sidecar, &self.bob).await, [401; 3]);
            assert_eq!(on_all(sidecar, &self.carol).await, [401; 3]);
        }
    }

    /// The fault is over; `fresh` knows only what Redis tells it.
    async fn look_back(&self, sidecar: &Sidecar, fresh: &Sidecar) {
        wait_until("a fresh instance knows who signed out", PATIENCE, async || {
            let bob = on_all(fresh, &self.bob).await;
            assert!(!bob[..2].contains(&200), "a revoked token passed: {bob:?}");
            let carol = on_all(fresh, &self.carol).await;
            bob == [401; 3] && carol == [401; 3]
        })
        .await;
        for instance in [sidecar, fresh] {
            wait_until("all is well again", PATIENCE, async || {
                assert_eq!(on_all(sidecar, &self.bob).await, [401; 3]);
                on_all(instance, &self.alice).await == [200; 3]
            })
            .await;
        }
    }
}

async fn fresh(sidecar: &Sidecar, server: &RedisServer) -> Sidecar {
    beside(sidecar, &server.config()).await
}

async fn beside(sidecar: &Sidecar, config: &str) -> Sidecar {
    let fresh = ROUTES.iter().fold(TestSidecar::beside(sidecar), with_route);
    fresh.config(config).start().await
}

#[tokio::test]
async fn redis_is_killed_and_comes_back_empty() {
    let mut server = RedisServer::start().await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    server.kill();
    people.live_through(&sidecar).await;
    server.start_again().await;
    people.look_back(&sidecar, &fresh(&sidecar, &server).await).await;
}

#[tokio::test]
async fn redis_is_frozen() {
    let server = RedisServer::start().await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    server.signal(Signal::STOP);
    people.live_through(&sidecar).await;
    server.signal(Signal::CONT);
    people.look_back(&sidecar, &fresh(&sidecar, &server).await).await;
}

#[tokio::test]
async fn redis_becomes_a_replica_of_a_master_that_is_gone() {
    let server = RedisServer::start().await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    people.live_through(&sidecar).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    people.look_back(&sidecar, &fresh(&sidecar, &server).await).await;
}

#[tokio::test]
async fn redis_is_loading() {
    let mut server = RedisServer::start().await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    server.kill();
    let loading = tokio::spawn(answer_loading(server.port()));
    people.live_through(&sidecar).await;
    loading.abort();
    assert!(loading.await.unwrap_err().is_cancelled());
    server.start_again().await;
    people.look_back(&sidecar, &fresh(&sidecar, &server).await).await;
}

#[tokio::test]
async fn redis_answers_after_five_seconds() {
    let sidecar = described().with_faults().start().await;
    let people = People::sign_in(&sidecar).await;
    sidecar.redis_network().delay(Duration::from_secs(5));
    people.live_through(&sidecar).await;
    sidecar.redis_network().heal();
    let fresh = ROUTES
        .iter()
        .fold(TestSidecar::beside(&sidecar), with_route)
        .start()
        .await;
    people.look_back(&sidecar, &fresh).await;
}

#[tokio::test]
async fn redis_is_emptied_and_the_feed_is_filled_from_postgresql_even_if_a_logout_comes_first() {
    let server = RedisServer::start().await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    server.command(&["FLUSHALL"]).await;
    // Its entry makes a new feed, which must not be taken for the whole one.
    log_out(&sidecar, &people.carol).await;
    assert_eq!(on_all(&sidecar, &people.bob).await, [401; 3]);
    people.look_back(&sidecar, &fresh(&sidecar, &server).await).await;
}

#[tokio::test]
async fn the_master_of_a_cluster_that_has_the_feed_is_killed_and_comes_back_empty() {
    let mut cluster = RedisCluster::start(false).await;
    let sidecar = described().config(&cluster.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    let feed = cluster.master_of(&feed(&sidecar).await).await;
    cluster.kill(feed);
    people.live_through(&sidecar).await;
    cluster.start_again(feed).await;
    people
        .look_back(&sidecar, &beside(&sidecar, &cluster.config()).await)
        .await;
}

#[tokio::test]
async fn another_master_of_a_cluster_is_killed_and_a_logout_is_still_heard_of_everywhere() {
    let mut cluster = RedisCluster::start(false).await;
    let sidecar = described().config(&cluster.config()).start().await;
    let other = beside(&sidecar, &cluster.config()).await;
    let people = People::sign_in(&sidecar).await;
    let master = (cluster.master_of(&feed(&sidecar).await).await + 1) % 3;
    cluster.kill(master);
    log_out(&sidecar, &people.carol).await;
    wait_until("the other instance hears of it", PATIENCE, async || {
        assert_eq!(on_all(&other, &people.bob).await, [401; 3]);
        on_all(&other, &people.carol).await == [401; 3]
    })
    .await;
    cluster.start_again(master).await;
    people
        .look_back(&sidecar, &beside(&sidecar, &cluster.config()).await)
        .await;
}

#[tokio::test]
async fn a_cluster_refuses_everything_while_one_of_its_masters_is_away() {
    let mut cluster = RedisCluster::start(true).await;
    let sidecar = described().config(&cluster.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    let master = (cluster.master_of(&feed(&sidecar).await).await + 1) % 3;
    cluster.kill(master);
    people.live_through(&sidecar).await;
    cluster.start_again(master).await;
    people
        .look_back(&sidecar, &beside(&sidecar, &cluster.config()).await)
        .await;
}

/// The key of the feed.
async fn feed(sidecar: &Sidecar) -> String {
    format!("{}:revocations", sidecar.redis().await.1)
}

#[tokio::test]
async fn a_redis_that_hides_its_role_is_believed() {
    let server = RedisServer::start().await;
    server.command(&["ACL", "SETUSER", "default", "-role"]).await;
    let sidecar = described().config(&server.config()).start().await;
    let people = People::sign_in(&sidecar).await;
    assert!(sidecar.logs().contains("does not allow ROLE"));
    assert_eq!(on_all(&sidecar, &people.alice).await, [200; 3]);
}

#[tokio::test]
async fn a_logout_that_an_instance_cannot_hear_of_passes_only_where_the_route_allows_it() {
    let deaf = described().with_faults().start().await;
    let other = TestSidecar::beside(&deaf).start().await;
    let people = People::sign_in(&deaf).await;
    deaf.redis_network().freeze();
    log_out(&other, &people.alice).await;
    wait_until("its view is too old", PATIENCE, async || {
        on_all(&deaf, &people.alice).await == [503, 503, 200]
    })
    .await;
    deaf.redis_network().heal();
    wait_until("it has heard", PATIENCE, async || {
        on_all(&deaf, &people.alice).await == [401; 3]
    })
    .await;
}

#[tokio::test]
async fn limits_do_as_they_say_while_redis_is_frozen_and_nobody_waits_for_another() {
    let server = RedisServer::start().await;
    let mut sidecar = TestSidecar::new().config(&server.config());
    for (policy, limit) in [("allow", 3), ("deny", 3), ("local", 3), ("leased", 1_000)] {
        let rule = if policy == "leased" { "deny" } else { policy };
        sidecar = sidecar
            .config(&format!(
                "rate_limits: {{ {policy}: {{ key: ip, limit: {limit}/1m, on_store_error: {rule} }} }}"
            ))
            .route_yaml(&format!(
                "{{ id: {policy}, match: {{ path: /{policy} }}, upstream: app, access: public, rate_limits: [{policy}] }}"
            ));
    }
    let sidecar = sidecar.start().await;
    server.signal(Signal::STOP);
    let visit = async |path: &str| {
        let begun = Instant::now();
        let answer = sidecar.get(path).send().await;
        assert!(begun.elapsed() < BUDGET, "{path} took {:?}", begun.elapsed());
        answer.status()
    };
    for expected in [200, 200, 200, 429] {
        assert_eq!(visit("/local").await, expected);
        assert_eq!(visit("/allow").await, 200);
        assert_eq!(visit("/deny").await, 503);
    }
    let together = futures::future::join_all((0..20).map(|_| visit("/leased"))).await;
    assert_eq!(together, [503; 20]);
}

#[tokio::test]
async fn without_postgresql_proxied_requests_go_on_and_auth_answers_in_time() {
    let sidecar = described()
        .with_faults()
        .config("store: { postgres: { pool: { statement_timeout: 1s, connect_timeout: 1s, wait: 1s } } }")
        .start()
        .await;
    let people = People::sign_in(&sidecar).await;
    let network = sidecar.postgres_network();
    for fail in [FaultProxy::cut as fn(&FaultProxy), FaultProxy::freeze] {
        fail(network);
        for _ in 0..3 {
            assert_eq!(on_all(&sidecar, &people.alice).await, [200; 3]);
            assert_eq!(on_all(&sidecar, &people.bob).await, [401; 3]);
        }
        let begun = Instant::now();
        let answer = sidecar.try_login(&people.alice.email, PASSWORD).await;
        assert_eq!(answer.status(), 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(on_all(&sidecar, &people.alice).await, [200; 3]);
        network.heal();
        wait_until("people can sign in again", PATIENCE, async || {
            sidecar.try_login(&people.alice.email, PASSWORD).await.status() == 200
        })
        .await;
    }
}

/// A server that answers every command as Redis does while it reads its file.
async fn answer_loading(port: u16) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                // A command is an array; nothing else in these commands begins a line with an asterisk and a digit.
                let lines = buffer[..read].split(|byte| *byte == b'\n');
                let commands = lines
                    .filter(|line| line.len() > 1 && line[0] == b'*' && line[1].is_ascii_digit())
                    .count();
                let answer = "-LOADING Redis is loading the dataset in memory\r\n".repeat(commands);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}
