//! The memory of idle connections.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Connection, Sidecar, TestSidecar, wait_until};

const CONNECTIONS: usize = 2000;
/// What an idle connection may take, on average, allocator and all: Pingora's defaults would be 77 KiB.
const EACH: u64 = 8 * 1024;
/// How long the memory may take to come back after the connections have gone.
const GIVEN_BACK: Duration = Duration::from_secs(60);

/// Lets the test itself have as many sockets.
fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A connection that has been used once.
async fn used(sidecar: &Sidecar) -> Connection {
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/x").to_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status(), 200);
    connection
}

#[tokio::test]
async fn an_idle_connection_takes_8_kib_and_its_memory_is_given_back() {
    raise_descriptors();
    let limits = "server: { limits: { idle: 10m } }";
    let sidecar = TestSidecar::new().route("/**", "public").config(limits).start().await;
    // What the first connections take is taken once: caches, metrics, the connections to the application.
    let mut warm = Vec::new();
    for _ in 0..50 {
        warm.push(used(&sidecar).await);
    }
    let before = sidecar.resident_bytes();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(used(&sidecar).await);
    }
    let grown = sidecar.resident_bytes().saturating_sub(before);
    let each = grown / CONNECTIONS as u64;
    println!("{each} bytes per idle connection");
    assert!(each <= EACH, "{each} bytes");

    drop(held);
    // What remains are free pieces between those in use. A proxying thread finds what others have freed for it when it
    // has served some requests.
    let most = before + grown / 3;
    wait_until("the memory is given back", GIVEN_BACK, async || {
        for connection in &mut warm {
            connection.send(&sidecar.get("/x").to_bytes()).await;
            assert_eq!(connection.answer(false).await.unwrap().status(), 200);
        }
        sidecar.resident_bytes() <= most
    })
    .await;
}
