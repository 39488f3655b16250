//! Load balancing, and unhealthy servers.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::{Behaviour, Port, Sidecar, TestSidecar, Upstream, wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

async fn sidecar(servers: &[String], more: &str) -> Sidecar {
    let servers = servers.join(", ");
    TestSidecar::new()
        .route("/**", "public")
        .config(&format!("upstreams: {{ app: {{ servers: [{servers}] }} }}"))
        .config(more)
        .start()
        .await
}

fn url(upstream: &Upstream) -> String {
    format!("'http://{}'", upstream.address())
}

/// The address of a server that does not exist.
fn nobody(port: &Port) -> String {
    format!("'http://127.0.0.1:{}'", port.number())
}

/// The requests without health checks.
fn served(upstream: &Upstream) -> usize {
    let seen = upstream.seen();
    seen.iter().filter(|seen| seen.target() != "/healthz").count()
}

/// Waits until this many servers are healthy.
async fn healthy(sidecar: &Sidecar, count: u8) {
    wait_until("the check has run", TIMEOUT, async || {
        let well = sidecar
            .metric("sidegate_upstream_healthy", &[("upstream", "app")])
            .await;
        (well - f64::from(count)).abs() < 0.5
    })
    .await;
}

#[tokio::test]
async fn requests_go_round_the_servers() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let sidecar = sidecar(&[url(&first), url(&second)], "{}").await;
    for _ in 0..20 {
        assert_eq!(sidecar.get("/x").send().await.status(), 200);
    }
    assert_eq!((served(&first), served(&second)), (10, 10));
}

#[tokio::test]
async fn a_client_ip_stays_with_one_server_and_only_clients_of_an_unhealthy_one_move() {
    let servers = [
        Upstream::start().await,
        Upstream::start().await,
        Upstream::start().await,
    ];
    let more = "{ upstreams: { app: { balance: consistent_hash, health: { path: /healthz, every: 100ms } } }, \
                server: { trusted_proxies: [127.0.0.1] } }";
    let sidecar = sidecar(&servers.each_ref().map(url), more).await;
    let place = async |caller: u8| {
        let before = servers.each_ref().map(served);
        let request = sidecar
            .get("/x")
            .header("X-Forwarded-For", &format!("192.0.2.{caller}"));
        assert_eq!(request.send().await.status(), 200);
        let after = servers.each_ref().map(served);
        (0..3).find(|&index| after[index] > before[index]).unwrap()
    };
    let mut places = HashMap::new();
    for caller in 0..40 {
        places.insert(caller, place(caller).await);
        assert_eq!(place(caller).await, places[&caller]);
    }
    assert!(
        (0..3).all(|server| places.values().any(|place| *place == server)),
        "{places:?}"
    );

    healthy(&sidecar, 3).await;
    servers[1].behave(Behaviour::Status(500));
    healthy(&sidecar, 2).await;
    for caller in 0..40 {
        let now = place(caller).await;
        assert!(if places[&caller] == 1 {
            now != 1
        } else {
            now == places[&caller]
        });
    }
}

#[tokio::test]
async fn a_server_that_fails_its_check_gets_nothing_until_it_passes_again() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let health = "upstreams: { app: { health: { path: /healthz, every: 100ms } } }";
    let sidecar = sidecar(&[url(&first), url(&second)], health).await;
    healthy(&sidecar, 2).await;
    first.behave(Behaviour::Status(503));
    healthy(&sidecar, 1).await;
    let before = served(&first);
    for _ in 0..10 {
        assert_eq!(sidecar.get("/x").send().await.status(), 200);
    }
    assert_eq!((served(&first), served(&second)), (before, 10));

    second.behave(Behaviour::Close);
    healthy(&sidecar, 0).await;
    let answer = sidecar.get("/x").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (503, "upstream_unhealthy"));
    assert_eq!(answer.header("retry-after"), Some("1"));

    first.behave(Behaviour::Echo);
    healthy(&sidecar, 1).await;
    assert_eq!(sidecar.get("/x").send().await.status(), 200);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_costs_a_get_nothing_and_a_post_is_not_repeated() {
    let (up, down) = (Upstream::start().await, Port::reserve());
    let sidecar = sidecar(&[nobody(&down), url(&up)], "upstreams: { app: { retries: 1 } }").await;
    for _ in 0..10 {
        assert_eq!(sidecar.get("/x").send().await.status(), 200);
        assert_eq!(sidecar.request("PUT", "/x").send().await.status(), 200, "idempotent");
    }
    assert!(sidecar.metric("sidegate_upstream_retries_total", &[]).await >= 10.0);
    let before = served(&up);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(sidecar.post("/x").body("once").send().await.status());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502], "it goes where its turn is, or nowhere");
    assert_eq!(served(&up) - before, 2);
}

#[tokio::test]
async fn without_retries_every_other_get_fails() {
    let (up, down) = (Upstream::start().await, Port::reserve());
    let sidecar = sidecar(&[nobody(&down), url(&up)], "upstreams: { app: { retries: 0 } }").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(sidecar.get("/x").send().await.status());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
}

#[tokio::test]
async fn a_name_is_resolved_in_the_background_and_one_that_does_not_resolve_stops_nobody() {
    let upstream = Upstream::start().await;
    let named = format!("'http://localhost:{}'", upstream.address().port());
    let sidecar = TestSidecar::new()
        .route("/here", "public")
        .route_yaml("{ id: lost, match: { path: /lost }, upstream: lost, access: public }")
        .config(&format!(
            "upstreams: {{ app: {{ servers: [{named}] }}, lost: {{ servers: ['http://no-such-host.invalid'] }} }}"
        ))
        .start()
        .await;
    assert_eq!(sidecar.get("/here").send().await.status(), 200);
    let begun = std::time::Instant::now();
    let answer = sidecar.get("/lost").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream_unreachable"));
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a lookup");
}
