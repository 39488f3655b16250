//! Several instances on one Redis.

use std::time::{Duration, Instant};

use crate::support::{Connection, Sidecar, TestSidecar};

/// The bound on a busy machine: a sign-out must never take a second.
const AT_MOST: Duration = Duration::from_secs(1);

/// The number of measured sign-outs; `SIDEGATE_LOGOUTS=1000` for a figure to quote.
fn logouts() -> usize {
    std::env::var("SIDEGATE_LOGOUTS").map_or(100, |count| count.parse().expect("SIDEGATE_LOGOUTS is a number"))
}

async fn status(connection: &mut Connection, sidecar: &Sidecar, token: &str) -> u16 {
    connection.send(&sidecar.get("/x").bearer(token).to_bytes()).await;
    connection.answer(false).await.expect("the connection is kept").status()
}

#[tokio::test]
async fn a_logout_is_known_on_every_instance_at_once() {
    let first = TestSidecar::new().start().await;
    let second = TestSidecar::beside(&first).start().await;
    let alice = first.user("alice").await;
    let (mut to_first, mut to_second) = (first.connect().await, second.connect().await);
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..logouts() {
        let session = first.login(&alice.email).await;
        let token = &session.access_token;
        // Cached on both instances, as a token in use is.
        assert_eq!(status(&mut to_first, &first, token).await, 200);
        assert_eq!(status(&mut to_second, &second, token).await, 200);
        let answer = first.post("/auth/logout").bearer(token).send().await;
        let answered = Instant::now();
        assert!(answer.status() < 300, "{}", answer.text());
        let (here, there) = tokio::join!(
            refused_after(&mut to_first, &first, token, answered),
            refused_after(&mut to_second, &second, token, answered),
        );
        took[0].push(here);
        took[1].push(there);
    }
    for (place, took) in ["the instance that answered", "the other instance"]
        .iter()
        .zip(&mut took)
    {
        took.sort();
        let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
        println!(
            "{} logouts, from the answer to the refusal on {place}: p50 {:?}, p99 {:?}, max {:?}",
            took.len(),
            at(50),
            at(99),
            at(100)
        );
        assert!(at(100) <= AT_MOST, "{place}");
    }
}

async fn refused_after(connection: &mut Connection, sidecar: &Sidecar, token: &str, answered: Instant) -> Duration {
    while status(connection, sidecar, token).await == 200 {
        assert!(answered.elapsed() < AT_MOST, "an instance does not hear of a logout");
    }
    answered.elapsed()
}

#[tokio::test]
async fn two_instances_share_a_limit_and_ask_redis_seldom() {
    const LIMIT: usize = 200;
    let described = |sidecar: TestSidecar| {
        sidecar
            .config("rate_limits: { shared: { key: ip, limit: 200/10m } }")
            .route_yaml("{ id: x, match: { path: /x }, upstream: app, access: public, rate_limits: [shared] }")
    };
    let first = described(TestSidecar::new()).start().await;
    let second = described(TestSidecar::beside(&first)).start().await;
    let (mut to_first, mut to_second) = (first.connect().await, second.connect().await);
    let mut passed = 0;
    for _ in 0..LIMIT {
        for (connection, sidecar) in [(&mut to_first, &first), (&mut to_second, &second)] {
            passed += usize::from(status(connection, sidecar, "").await == 200);
        }
    }
    assert!((LIMIT - 80..=LIMIT).contains(&passed), "{passed} passed");
    let asked = async |sidecar: &Sidecar| {
        sidecar
            .metric("sidegate_ratelimit_backend_duration_seconds_count", &[])
            .await
    };
    let asked = asked(&first).await + asked(&second).await;
    println!(
        "{passed} of {LIMIT} passed and Redis was asked {asked} times for {} requests",
        2 * LIMIT
    );
    assert!((1.0..=20.0).contains(&asked), "{asked} calls");
}
