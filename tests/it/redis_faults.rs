//! Responses when Redis is killed, frozen, slow, read-only or loading, when a cluster loses a master, or PostgreSQL is
//! unreachable.
//!
//! | at a verifier | while the view is fresh | once it is older than `max_lag` |
//! |---|---|---|
//! | revoked before | 401 | 401 |
//! | `on_stale: check`, `deny` | passes | 503 |
//! | `on_stale: allow` | passes | passes |
//!
//! An issuer still reads all revocations from PostgreSQL. No request waits longer than the timeout of one call to
//! Redis.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    AUDIENCE, FaultProxy, ISSUER, PASSWORD, RedisCluster, RedisServer, Sidecar, TestSidecar, User, commands, wait_until,
};

/// `store.redis.timeout`, and some time for a busy test machine.
const BUDGET: Duration = Duration::from_millis(250 + 1_000);
const TIMEOUT: Duration = Duration::from_secs(20);
/// `revocation.max_lag`.
const MAX_LAG: Duration = Duration::from_secs(2);
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

/// A signed-in user, a user who signed out before the fault, and one who signs out during it.
struct People {
    alice: User,
    bob: User,
    carol: User,
}

/// An issuer and a verifier of its tokens.
struct Pair {
    issuer: Sidecar,
    verifier: Sidecar,
}

impl Pair {
    async fn start(config: &str) -> Self {
        let issuer = described().config(config).start().await;
        let verifier = verifier_of(&issuer, config).await;
        Self { issuer, verifier }
    }
}

async fn verifier_of(issuer: &Sidecar, config: &str) -> Sidecar {
    let verifier = ROUTES.iter().fold(TestSidecar::beside(issuer), with_route);
    verifier.config(&trusting(issuer)).config(config).start().await
}

/// The configuration of a verifier of this issuer.
fn trusting(issuer: &Sidecar) -> String {
    let url = issuer.url();
    format!(
        "auth: null\nstore: {{ postgres: null }}\n\
         issuers: [{{ issuer: \"{ISSUER}\", jwks_url: \"{url}/.well-known/jwks.json\", audience: [{AUDIENCE}] }}]\n"
    )
}

impl People {
    async fn sign_in(pair: &Pair) -> Self {
        let people = Self {
            alice: pair.issuer.user("alice").await,
            bob: pair.issuer.user("bob").await,
            carol: pair.issuer.user("carol").await,
        };
        for user in [&people.alice, &people.bob, &people.carol] {
            wait_until("the feed is read", TIMEOUT, async || {
                on_all(&pair.issuer, user).await == [200; 3] && on_all(&pair.verifier, user).await == [200; 3]
            })
            .await;
        }
        log_out(&pair.issuer, &people.bob).await;
        assert_eq!(on_all(&pair.issuer, &people.bob).await, [401; 3]);
        wait_until("the verifier has heard", TIMEOUT, async || {
            on_all(&pair.verifier, &people.bob).await == [401; 3]
        })
        .await;
        people
    }

    /// The checks right after the fault has begun.
    async fn live_through(&self, Pair { issuer, verifier }: &Pair) {
        wait_until("the verifier's view is too old", TIMEOUT, async || {
            assert_eq!(on_all(verifier, &self.bob).await, [401; 3], "what is known stays known");
            on_all(verifier, &self.alice).await == [503, 503, 200]
        })
        .await;
        log_out(issuer, &self.carol).await;
        for _ in 0..3 {
            assert_eq!(on_all(verifier, &self.alice).await, [503, 503, 200]);
            assert_eq!(on_all(verifier, &self.bob).await, [401; 3]);
            assert_eq!(on_all(verifier, &self.carol).await[..2], [503; 2]);
            assert_eq!(
                on_all(issuer, &self.alice).await,
                [200; 3],
                "an issuer knows from PostgreSQL"
            );
            assert_eq!(on_all(issuer, &self.bob).await, [401; 3]);
            assert_eq!(on_all(issuer, &self.carol).await, [401; 3]);
        }
    }

    /// The checks after the fault; `fresh` is a verifier that knows only what Redis contains.
    async fn look_back(&self, pair: &Pair, fresh: &Sidecar) {
        for instance in [fresh, &pair.verifier] {
            wait_until("it knows who signed out", TIMEOUT, async || {
                let (bob, carol) = (on_all(instance, &self.bob).await, on_all(instance, &self.carol).await);
                assert!(!bob[..2].contains(&200), "a revoked token passed: {bob:?}");
                assert!(!carol[..2].contains(&200), "a revoked token passed: {carol:?}");
                bob == [401; 3] && carol == [401; 3]
            })
            .await;
        }
        for instance in [&pair.issuer, &pair.verifier, fresh] {
            wait_until("all is well again", TIMEOUT, async || {
                assert_eq!(on_all(&pair.issuer, &self.bob).await, [401; 3]);
                on_all(instance, &self.alice).await == [200; 3]
            })
            .await;
        }
    }
}

async fn fresh(pair: &Pair, server: &RedisServer) -> Sidecar {
    verifier_of(&pair.issuer, &server.config()).await
}

#[tokio::test]
async fn redis_is_killed_and_comes_back_empty() {
    let mut server = RedisServer::start().await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    server.kill();
    people.live_through(&pair).await;
    server.start_again().await;
    people.look_back(&pair, &fresh(&pair, &server).await).await;
}

#[tokio::test]
async fn redis_is_frozen() {
    let server = RedisServer::start().await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    server.signal(Signal::STOP);
    people.live_through(&pair).await;
    server.signal(Signal::CONT);
    people.look_back(&pair, &fresh(&pair, &server).await).await;
}

#[tokio::test]
async fn redis_becomes_a_replica_of_a_master_that_is_gone() {
    let server = RedisServer::start().await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    people.live_through(&pair).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    people.look_back(&pair, &fresh(&pair, &server).await).await;
}

#[tokio::test]
async fn redis_is_loading() {
    let mut server = RedisServer::start().await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    server.kill();
    let loading = tokio::spawn(answer_loading(server.port()));
    people.live_through(&pair).await;
    loading.abort();
    assert!(loading.await.unwrap_err().is_cancelled());
    server.start_again().await;
    people.look_back(&pair, &fresh(&pair, &server).await).await;
}

#[tokio::test]
async fn redis_answers_after_five_seconds() {
    let issuer = described().with_faults().start().await;
    let verifier = ROUTES.iter().fold(TestSidecar::beside(&issuer), with_route);
    let verifier = verifier.config(&trusting(&issuer)).with_faults().start().await;
    let pair = Pair { issuer, verifier };
    let people = People::sign_in(&pair).await;
    for instance in [&pair.issuer, &pair.verifier] {
        instance.redis_network().delay(Duration::from_secs(5));
    }
    people.live_through(&pair).await;
    for instance in [&pair.issuer, &pair.verifier] {
        instance.redis_network().heal();
    }
    people.look_back(&pair, &verifier_of(&pair.issuer, "{}").await).await;
}

#[tokio::test]
async fn redis_is_emptied_and_the_feed_is_filled_from_postgresql_even_if_a_logout_comes_first() {
    let server = RedisServer::start().await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    server.command(&["FLUSHALL"]).await;
    // Its entry creates a new feed, which must not count as the complete one.
    log_out(&pair.issuer, &people.carol).await;
    assert_eq!(on_all(&pair.issuer, &people.bob).await, [401; 3]);
    people.look_back(&pair, &fresh(&pair, &server).await).await;
}

#[tokio::test]
async fn the_master_of_a_cluster_that_has_the_feed_is_killed_and_comes_back_empty() {
    let mut cluster = RedisCluster::start(false).await;
    let pair = Pair::start(&cluster.config()).await;
    let people = People::sign_in(&pair).await;
    let feed = cluster.master_of(&feed(&pair.issuer).await).await;
    cluster.kill(feed);
    people.live_through(&pair).await;
    cluster.start_again(feed).await;
    people
        .look_back(&pair, &verifier_of(&pair.issuer, &cluster.config()).await)
        .await;
}

#[tokio::test]
async fn another_master_of_a_cluster_is_killed_and_a_logout_is_still_heard_of_everywhere() {
    let mut cluster = RedisCluster::start(false).await;
    let pair = Pair::start(&cluster.config()).await;
    let people = People::sign_in(&pair).await;
    let master = (cluster.master_of(&feed(&pair.issuer).await).await + 1) % 3;
    cluster.kill(master);
    log_out(&pair.issuer, &people.carol).await;
    wait_until("the verifier knows the revocation", TIMEOUT, async || {
        assert_eq!(on_all(&pair.verifier, &people.bob).await, [401; 3]);
        on_all(&pair.verifier, &people.carol).await == [401; 3]
    })
    .await;
    cluster.start_again(master).await;
    people
        .look_back(&pair, &verifier_of(&pair.issuer, &cluster.config()).await)
        .await;
}

#[tokio::test]
async fn a_cluster_refuses_everything_while_one_of_its_masters_is_away() {
    let mut cluster = RedisCluster::start(true).await;
    let pair = Pair::start(&cluster.config()).await;
    let people = People::sign_in(&pair).await;
    let master = (cluster.master_of(&feed(&pair.issuer).await).await + 1) % 3;
    cluster.kill(master);
    people.live_through(&pair).await;
    cluster.start_again(master).await;
    people
        .look_back(&pair, &verifier_of(&pair.issuer, &cluster.config()).await)
        .await;
}

/// The key of the feed.
async fn feed(sidecar: &Sidecar) -> String {
    format!("{}:revocations", sidecar.redis().await.1)
}

#[tokio::test]
async fn a_redis_that_allows_no_dangerous_commands_is_enough() {
    let server = RedisServer::start().await;
    server.command(&["ACL", "SETUSER", "default", "-@dangerous"]).await;
    let pair = Pair::start(&server.config()).await;
    let people = People::sign_in(&pair).await;
    assert_eq!(on_all(&pair.verifier, &people.alice).await, [200; 3]);
}

#[tokio::test]
async fn a_logout_that_a_verifier_cannot_hear_of_passes_only_where_the_route_allows_it() {
    let issuer = described().start().await;
    let deaf = ROUTES.iter().fold(TestSidecar::beside(&issuer), with_route);
    let deaf = deaf.config(&trusting(&issuer)).with_faults().start().await;
    let alice = issuer.user("alice").await;
    wait_until("the feed is read", TIMEOUT, async || {
        on_all(&deaf, &alice).await == [200; 3]
    })
    .await;
    deaf.redis_network().freeze();
    log_out(&issuer, &alice).await;
    wait_until("its view is too old", TIMEOUT, async || {
        on_all(&deaf, &alice).await == [503, 503, 200]
    })
    .await;
    deaf.redis_network().heal();
    wait_until("it has heard", TIMEOUT, async || {
        on_all(&deaf, &alice).await == [401; 3]
    })
    .await;
}

#[tokio::test]
async fn an_issuer_hears_of_a_logout_from_postgresql_while_redis_is_frozen() {
    let deaf = described().with_faults().start().await;
    let other = TestSidecar::beside(&deaf).start().await;
    let (alice, bob) = (deaf.user("alice").await, deaf.user("bob").await);
    assert_eq!(on_all(&deaf, &alice).await, [200; 3]);
    deaf.redis_network().freeze();
    log_out(&other, &alice).await;
    wait_until("it has heard", Duration::from_secs(1), async || {
        on_all(&deaf, &alice).await == [401; 3]
    })
    .await;
    assert_eq!(on_all(&deaf, &bob).await, [200; 3], "and is sure of everybody else");
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
    let pair = Pair {
        verifier: verifier_of(&sidecar, "{}").await,
        issuer: sidecar,
    };
    let people = People::sign_in(&pair).await;
    let (sidecar, verifier) = (&pair.issuer, &pair.verifier);
    let network = sidecar.postgres_network();
    for fail in [FaultProxy::cut as fn(&FaultProxy), FaultProxy::freeze] {
        fail(network);
        for _ in 0..3 {
            assert_eq!(on_all(sidecar, &people.alice).await, [200; 3]);
            assert_eq!(on_all(sidecar, &people.bob).await, [401; 3]);
            assert_eq!(on_all(verifier, &people.alice).await, [200; 3]);
        }
        let begun = Instant::now();
        let answer = sidecar.try_login(&people.alice.email, PASSWORD).await;
        assert_eq!(answer.status(), 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        for _ in 0..3 {
            tokio::time::sleep(MAX_LAG).await;
            assert_eq!(on_all(sidecar, &people.alice).await, [200; 3]);
            assert_eq!(
                on_all(verifier, &people.alice).await,
                [200; 3],
                "nobody can have signed out"
            );
            assert_eq!(on_all(verifier, &people.bob).await, [401; 3]);
        }
        network.heal();
        wait_until("people can sign in again", TIMEOUT, async || {
            sidecar.try_login(&people.alice.email, PASSWORD).await.status() == 200
        })
        .await;
    }
}

/// A server that answers every command as Redis does while it loads its file.
async fn answer_loading(port: u16) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                let commands = commands(&buffer[..read]);
                let answer = "-LOADING Redis is loading the dataset in memory\r\n".repeat(commands);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}
