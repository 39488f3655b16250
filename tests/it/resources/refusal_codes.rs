//! Refusals by endpoints are in the log and in a metric, like those of the gate.

use serde_json::{Value, json};

use super::TIMEOUT;
use crate::support::{Sidecar, TestSidecar, wait_until};

const REFUSALS: &str = "sidegate_endpoint_refusals_total";

/// The access log's line of a request.
async fn line(sidecar: &Sidecar, request_id: &str) -> Value {
    let find = || {
        let logs = sidecar.logs();
        let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut lines = lines.filter(|line| line["target"] == "access");
        lines.find(|line| line["request_id"] == request_id)
    };
    wait_until("the request is logged", TIMEOUT, async || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn the_code_of_a_refusal_by_an_endpoint_is_in_the_log_and_in_a_metric() {
    // Without a sample, only refusals are logged.
    let quiet = "observability: { access_log: { sample: 0.0 } }";
    let sidecar = TestSidecar::new().config(quiet).start().await;
    let alice = sidecar.user("alice").await;
    let cases = [
        (
            sidecar.post("/auth/login").json(&json!({"email": "a"})),
            422,
            "validation_failed",
            "deny",
        ),
        (
            sidecar
                .post("/auth/login")
                .json(&json!({"email": "nobody@example.com", "password": "wrong wrong"})),
            401,
            "bad_credentials",
            "challenge",
        ),
        (sidecar.get("/auth/me"), 401, "credentials_missing", "challenge"),
        (
            sidecar.get("/auth/admin/users").bearer(&alice.access_token),
            403,
            "permission_denied",
            "deny",
        ),
        (sidecar.get("/auth/nothing"), 404, "not_found", "deny"),
        (sidecar.delete("/auth/login"), 405, "method_not_allowed", "deny"),
        (
            sidecar.post("/auth/login").body(vec![b'x'; 70_000]),
            413,
            "body_too_large",
            "deny",
        ),
    ];
    for (request, status, code, decision) in cases {
        let before = sidecar.metric(REFUSALS, &[("code", code)]).await;
        let answer = request.send().await;
        assert_eq!((answer.status(), &*answer.code()), (status, code), "{}", answer.text());
        let line = line(&sidecar, answer.header("x-request-id").unwrap()).await;
        assert_eq!(
            (&line["code"], &line["decision"]),
            (&code.into(), &decision.into()),
            "{line}"
        );
        let counted = sidecar.metric(REFUSALS, &[("code", code)]).await - before;
        assert!((counted - 1.0).abs() < 0.1, "{code}: {counted}");
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_refuse_has_no_code() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let answer = sidecar.get("/auth/me").bearer(&alice.access_token).send().await;
    let line = line(&sidecar, answer.header("x-request-id").unwrap()).await;
    assert_eq!(
        (&line["code"], &line["decision"]),
        (&"ok".into(), &"endpoint".into()),
        "{line}"
    );
    let refusals = sidecar.metric(REFUSALS, &[]).await;
    assert!(refusals < 0.5, "{refusals}");
}
