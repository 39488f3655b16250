//! Bytes that cannot be parsed are in no log, also not at `debug`: there can be cookies and tokens among them.

use std::time::Duration;

use crate::support::{Behaviour, TestSidecar, wait_until};

const CANARY: &str = "canary-91c4";

#[tokio::test]
async fn nothing_of_a_malformed_response_is_in_the_log() {
    let sidecar = TestSidecar::new()
        .route("/**", "public")
        .config("observability: { log: { level: 'info,sidegate=debug' } }")
        .start()
        .await;
    for answer in [
        format!("HTTP/1.1 200 OK\r\nSet-Cookie: a={CANARY}\r\nbroken header {CANARY}\r\n\r\n{CANARY}"),
        format!("HTTP/1.1 {CANARY}\r\n\r\n"),
        format!("{CANARY} 200 OK\r\n\r\n"),
    ] {
        sidecar.upstream().behave(Behaviour::Raw(answer.into_bytes()));
        let answer = sidecar.get(&format!("/x?token={CANARY}")).send().await;
        assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream_broken"));
    }
    wait_until("the last request is in the log", Duration::from_secs(10), async || {
        sidecar.logs().matches("the request failed").count() >= 3
    })
    .await;
    let logs = sidecar.logs();
    let found: Vec<_> = logs.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
