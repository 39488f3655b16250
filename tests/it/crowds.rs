//! Load: many tabs of one client, a thundering herd, and a flood of sign-ins.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::support::{Sidecar, TestSidecar};

/// Requests with the token, one after the other, until `until` says so; how long each took, sorted.
async fn paced(sidecar: &Sidecar, token: &str, until: impl Fn() -> bool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !until() {
        let begun = Instant::now();
        let answer = sidecar.get("/page").bearer(token).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        took.push(begun.elapsed());
    }
    took.sort();
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_equal_refreshes_get_two_hundred_equal_answers_and_make_one_row() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;

    let answers = join_all((0..200).map(|_| sidecar.refresh(&alice.refresh_token))).await;

    let first = answers[0].text();
    for answer in &answers {
        assert_eq!((answer.status(), answer.text()), (200, first.clone()));
    }
    let rows = sidecar
        .database()
        .await
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE used_at IS NULL) FROM refresh_tokens",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        (rows.get::<_, i64>(0), rows.get::<_, i64>(1)),
        (2, 1),
        "the one from the login, and one new"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_passwords_does_not_slow_down_proxied_requests() {
    // The real cost, and a queue that holds all sign-ins: the hashing threads are busy during the whole test.
    let sidecar = TestSidecar::new()
        .config("auth: { password: { cost: 12, workers: 2, queue: 128, wait: 10s } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let storm_is_over = std::sync::atomic::AtomicBool::new(false);

    let storm = async {
        let wrong = join_all((0..100).map(|_| sidecar.try_login("alice@example.com", "not-her-password"))).await;
        storm_is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        wrong
    };
    let over = || storm_is_over.load(std::sync::atomic::Ordering::Relaxed);
    let (wrong, took) = tokio::join!(storm, paced(&sidecar, &alice.access_token, over));

    let statuses = |status: u16| wrong.iter().filter(|answer| answer.status() == status).count();
    assert_eq!(
        statuses(401) + statuses(503),
        100,
        "refused or shed after its wait, and none let in"
    );
    assert!(statuses(401) > 0, "the storm was hashed");
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!(
        "{} requests during the storm: median {median:?}, p99 {p99:?}",
        took.len()
    );
    assert!(median < Duration::from_millis(50), "the median is {median:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_sheds_logins_and_says_when_to_come_back() {
    let sidecar = TestSidecar::new()
        .config("auth: { password: { cost: 12, workers: 1, queue: 2 } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;

    let answers = join_all((0..30).map(|_| sidecar.try_login(&alice.email, "not-her-password"))).await;

    let shed: Vec<_> = answers.iter().filter(|answer| answer.status() == 503).collect();
    assert!(
        !shed.is_empty() && shed.len() < answers.len(),
        "{} of 30 were shed",
        shed.len()
    );
    assert!(shed.iter().all(|answer| answer.header("retry-after").is_some()));
    assert_eq!(
        sidecar.get("/page").bearer(&alice.access_token).send().await.status(),
        200
    );
}
