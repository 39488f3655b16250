//! File descriptors.

use std::time::{Duration, Instant};

use super::{TIMEOUT, served};
use crate::support::{Behaviour, Connection, TestSidecar, wait_until};

const EXHAUSTED: &str = "sidegate_file_descriptors_exhausted_total";

#[tokio::test]
async fn with_few_file_descriptors_clients_are_refused_and_the_admin_listener_answers() {
    let sidecar = TestSidecar::new().route("/**", "public").descriptors(256).start().await;
    let mut flood = Vec::new();
    for _ in 0..400 {
        flood.push(Connection::try_open(sidecar.port()).await);
    }
    wait_until("clients are refused", TIMEOUT, async || {
        sidecar
            .metric("sidegate_connections_refused_total", &[("listener", "proxy")])
            .await
            > 100.0
    })
    .await;
    for path in ["/livez", "/readyz", "/metrics"] {
        let begun = Instant::now();
        assert_eq!(sidecar.admin("GET", path).send().await.status(), 200, "{path}");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{path}: {:?}",
            begun.elapsed()
        );
    }
    assert!(sidecar.logs().contains("clients are refused"), "{}", sidecar.logs());

    drop(flood);
    let begun = Instant::now();
    served(&sidecar, "clients are served again").await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_soft_limit_of_file_descriptors_is_raised_to_the_hard_limit_and_logged() {
    let sidecar = TestSidecar::new().start().await;
    let text = sidecar.admin("GET", "/metrics").send().await.text();
    let limit = text
        .lines()
        .find_map(|line| line.strip_prefix("process_max_fds "))
        .unwrap();
    let limit: u64 = limit.parse().unwrap();
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    assert_eq!(Some(limit), hard);
    let line = format!("the process can have {limit} file descriptors");
    assert!(sidecar.logs().contains(&line), "{}", sidecar.logs());
}

/// Requests of HTTP/2 clients: each stream of a connection needs a connection to the application.
#[tokio::test]
async fn streams_beyond_the_file_descriptors_are_refused_and_the_admin_listener_answers() {
    let sidecar = TestSidecar::new().route("/**", "public").descriptors(256).start().await;
    sidecar.upstream().behave(Behaviour::Slow(Duration::from_secs(2)));
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        for _ in 0..90 {
            let request = client.get(format!("{}/x", sidecar.url())).send();
            streams.spawn(async { request.await.map(|answer| answer.status().as_u16()) });
        }
    }
    wait_until("streams are refused", TIMEOUT, async || {
        let refused = [("upstream", "app"), ("reason", "connections_exhausted")];
        sidecar.metric("sidegate_upstream_errors_total", &refused).await > 0.5
    })
    .await;
    let begun = Instant::now();
    assert_eq!(sidecar.admin("GET", "/livez").send().await.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let mut statuses = Vec::new();
    while let Some(stream) = streams.join_next().await {
        statuses.push(stream.unwrap().unwrap());
    }
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert!(count(200) >= 50 && count(503) >= 50, "{statuses:?}");
    assert_eq!(count(200) + count(503), statuses.len(), "{statuses:?}");
    let exhausted = sidecar.metric(EXHAUSTED, &[]).await;
    assert!(exhausted < 0.5, "{exhausted}");
}

#[tokio::test]
async fn a_lack_of_file_descriptors_is_counted_and_logged_and_ends_when_there_are_some() {
    const LINE: &str = "no file descriptor is free";
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let enough = sidecar.limit_descriptors(Some(8));
    wait_until("it is logged", TIMEOUT, async || sidecar.logs().contains(LINE)).await;
    sidecar.limit_descriptors(enough);
    let begun = Instant::now();
    served(&sidecar, "requests are answered again").await;
    let lines = u32::try_from(sidecar.logs().matches(LINE).count()).unwrap();
    let exhausted = sidecar.metric(EXHAUSTED, &[]).await;
    assert!(exhausted > 0.5, "{exhausted}");
    assert!(
        f64::from(lines) <= exhausted + 0.5,
        "{lines} lines in {exhausted} seconds"
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
