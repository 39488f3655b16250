//! Operation: the log, the admin listener, reloads, shutdown.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Behaviour, Sidecar, TestSidecar, wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

/// The access log's line for a path.
async fn line(sidecar: &Sidecar, path: &str) -> Value {
    let find = || {
        let logs = sidecar.logs();
        let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut lines = lines.filter(|line| line["path"] == path);
        lines.next()
    };
    wait_until("the request is logged", TIMEOUT, async || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn the_access_log_has_the_decision_and_neither_the_token_nor_the_query() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let allowed = sidecar.get("/allowed?code=s3cret-query").bearer(&alice.access_token);
    let allowed = allowed.header("Cookie", "s3cret-cookie=1").send().await;
    sidecar
        .get("/refused?code=s3cret-query")
        .bearer("s3cret-token")
        .send()
        .await;

    let seen = line(&sidecar, "/allowed").await;
    assert_eq!(
        (&seen["decision"], &seen["code"]),
        (&"allow".into(), &"ok".into()),
        "{seen}"
    );
    assert_eq!(
        (&seen["status"], &seen["route"]),
        (&200.into(), &"all".into()),
        "{seen}"
    );
    assert_eq!(seen["request_id"].as_str(), allowed.header("x-request-id"));
    let seen = line(&sidecar, "/refused").await;
    assert_eq!(
        (&seen["decision"], &seen["code"]),
        (&"challenge".into(), &"token_malformed".into()),
        "{seen}"
    );

    let logs = sidecar.logs();
    assert!(!logs.contains("s3cret"), "{logs}");
    assert!(!logs.contains(&alice.access_token), "{logs}");
}

#[tokio::test]
async fn the_admin_listener_answers_for_probes_and_metrics_and_nothing_else() {
    let sidecar = TestSidecar::new().start().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(sidecar.admin("GET", path).send().await.status(), 200, "{path}");
        assert_eq!(sidecar.admin("DELETE", path).send().await.status(), 405, "{path}");
    }
    assert_eq!(sidecar.admin("GET", "/-/reload").send().await.status(), 405);
    assert_eq!(sidecar.admin("GET", "/auth/whoami").send().await.status(), 404);
    for path in ["/livez", "/readyz", "/metrics", "/-/reload"] {
        assert_eq!(
            sidecar.get(path).send().await.status(),
            401,
            "{path} is not the proxy's"
        );
    }
}

#[tokio::test]
async fn decisions_are_counted_by_route_and_reason() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.get("/x").send().await;
    sidecar.get("/x/../y").send().await;
    wait_until("both are counted", TIMEOUT, async || {
        let labels = [("route", "all"), ("reason", "credentials_missing")];
        let decided = sidecar.metric("sidegate_auth_decisions_total", &labels).await;
        let rejected = sidecar
            .metric("sidegate_requests_rejected_total", &[("reason", "bad_request")])
            .await;
        (decided, rejected) == (1.0, 1.0)
    })
    .await;
}

#[tokio::test]
async fn a_reload_by_signal_changes_the_routes_of_a_running_process() {
    let mut sidecar = TestSidecar::new().route("/old/**", "public").start().await;
    assert_eq!(sidecar.get("/new/x").send().await.status(), 404);
    sidecar.reconfigure("routes: [{ id: new, match: { path: /new/** }, upstream: app, access: public }]");
    wait_until("the new route is there", TIMEOUT, async || {
        sidecar.get("/new/x").send().await.status() == 200
    })
    .await;
    assert_eq!(sidecar.get("/old/x").send().await.status(), 404);
}

#[tokio::test]
async fn a_reload_of_a_wrong_file_keeps_the_old_rules_and_names_the_key() {
    let sidecar = TestSidecar::new().route("/old/**", "public").start().await;
    let good = std::fs::read_to_string(sidecar.config_file()).unwrap();
    std::fs::write(sidecar.config_file(), good.replace("access: public", "access: publik")).unwrap();
    let answer = sidecar.admin("POST", "/-/reload").send().await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    assert!(answer.text().contains("routes[0].access"), "{}", answer.text());
    assert_eq!(sidecar.get("/old/x").send().await.status(), 200);
    let successful = sidecar.metric("sidegate_config_last_reload_successful", &[]).await;
    assert!(successful < 1.0, "{successful}");

    std::fs::write(sidecar.config_file(), good.replace("/old/**", "/new/**")).unwrap();
    let answer = sidecar.admin("POST", "/-/reload").send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(sidecar.get("/new/x").send().await.status(), 200);
    assert_eq!(sidecar.get("/old/x").send().await.status(), 404);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_after_sigterm() {
    let mut sidecar = TestSidecar::new().route("/**", "public").start().await;
    sidecar.upstream().behave(Behaviour::Slow(Duration::from_secs(1)));
    let mut connection = sidecar.connect().await;
    connection.send(&sidecar.get("/x").to_bytes()).await;
    wait_until("the request is in flight", TIMEOUT, async || {
        !sidecar.upstream().seen().is_empty()
    })
    .await;
    sidecar.signal(Signal::TERM);
    let answer = connection.answer(false).await.unwrap();
    assert_eq!((answer.status(), answer.reached_upstream()), (200, true));
    assert!(sidecar.exit().await.success());
}

#[tokio::test]
async fn open_connections_are_counted_and_new_ones_to_the_application_are_timed() {
    const OPEN: &str = "sidegate_connections_open";
    const CONNECTS: &str = "sidegate_upstream_connect_duration_seconds_count";
    let sidecar = TestSidecar::new().route("/**", "public").start().await;
    let idle = sidecar.connect().await;
    let open = async || sidecar.metric(OPEN, &[("listener", "proxy")]).await;
    wait_until("the connection is counted", TIMEOUT, async || open().await > 0.5).await;

    let timed = async || sidecar.metric(CONNECTS, &[("upstream", "app")]).await;
    sidecar.get("/one").send().await;
    let first = timed().await;
    assert!((first - 1.0).abs() < f64::EPSILON, "{first}");
    // The client has its response a moment before the connection to the application can be used again.
    let mut connects = first;
    wait_until("a request finds a connection", TIMEOUT, async || {
        sidecar.get("/two").send().await;
        let before = std::mem::replace(&mut connects, timed().await);
        (connects - before).abs() < f64::EPSILON
    })
    .await;

    drop(idle);
    wait_until("closed connections are counted no more", TIMEOUT, async || {
        open().await < 0.5
    })
    .await;
}
