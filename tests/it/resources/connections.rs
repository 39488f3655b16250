//! The limit of client connections.

use std::time::Duration;

use super::{TIMEOUT, served};
use crate::support::{Connection, Sidecar, TestSidecar, wait_until};

const LIMITED: &str = "server: { limits: { connections: 20 } }";

async fn open(sidecar: &Sidecar, count: usize) -> Vec<Connection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(sidecar.connect().await);
    }
    connections
}

async fn counted(sidecar: &Sidecar, name: &str) -> f64 {
    sidecar.metric(name, &[("listener", "proxy")]).await
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_the_others_are_served() {
    let sidecar = TestSidecar::new().route("/**", "public").config(LIMITED).start().await;
    let mut held = open(&sidecar, 20).await;
    wait_until("all are counted", TIMEOUT, async || {
        counted(&sidecar, "sidegate_connections_open").await > 19.5
    })
    .await;
    for _ in 0..5 {
        let mut refused = sidecar.connect().await;
        assert!(refused.is_closed_within(TIMEOUT).await);
    }
    let of_it = counted(&sidecar, "sidegate_connections_refused_total").await;
    assert!((of_it - 5.0).abs() < 0.5, "{of_it}");
    let limit = counted(&sidecar, "sidegate_connections_limit").await;
    assert!((limit - 20.0).abs() < 0.5, "{limit}");
    let lines = sidecar.logs().matches("server.limits.connections").count();
    assert!((1..=5).contains(&lines), "{lines} lines");
    assert_eq!(sidecar.admin("GET", "/livez").send().await.status(), 200);

    let mut last = held.pop().unwrap();
    last.send(&sidecar.get("/x").to_bytes()).await;
    assert_eq!(last.answer(false).await.unwrap().status(), 200);
    drop(held);
    served(&sidecar, "there is room again").await;
}

#[tokio::test]
async fn idle_connections_make_room_when_most_are_taken() {
    let sidecar = TestSidecar::new().route("/**", "public").config(LIMITED).start().await;
    let mut held = open(&sidecar, 19).await;
    let idle = held.last_mut().unwrap();
    idle.send(&sidecar.get("/x").to_bytes()).await;
    assert_eq!(idle.answer(false).await.unwrap().status(), 200);
    // Its own time would be a minute.
    assert!(idle.is_closed_within(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn idle_connections_are_kept_while_there_is_room() {
    let sidecar = TestSidecar::new().route("/**", "public").config(LIMITED).start().await;
    let mut idle = sidecar.connect().await;
    for _ in 0..2 {
        idle.send(&sidecar.get("/x").to_bytes()).await;
        assert_eq!(idle.answer(false).await.unwrap().status(), 200);
        assert!(!idle.is_closed_within(Duration::from_millis(1500)).await);
    }
}

#[tokio::test]
async fn a_limit_can_be_changed_by_a_reload() {
    let mut sidecar = TestSidecar::new().route("/**", "public").config(LIMITED).start().await;
    let _held = open(&sidecar, 20).await;
    wait_until("all are counted", TIMEOUT, async || {
        counted(&sidecar, "sidegate_connections_open").await > 19.5
    })
    .await;
    assert!(sidecar.get("/x").try_send().await.is_none());
    sidecar.reconfigure("server: { limits: { connections: 100 } }");
    served(&sidecar, "the new limit applies").await;
}
