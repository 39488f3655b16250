//! An audit log that cannot be written.

use crate::support::{PASSWORD, TestSidecar};

#[tokio::test]
async fn without_the_right_to_write_the_audit_log_requests_are_to_be_retried() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let database = sidecar.database().await;
    database
        .batch_execute("REVOKE INSERT ON audit_logs FROM CURRENT_USER")
        .await
        .unwrap();
    let answer = sidecar.try_login(&alice.email, PASSWORD).await;
    assert_eq!(
        (answer.status(), &*answer.code()),
        (503, "unavailable"),
        "{}",
        answer.text()
    );
    assert!(answer.header("retry-after").is_some());

    database
        .batch_execute("GRANT INSERT ON audit_logs TO CURRENT_USER")
        .await
        .unwrap();
    assert_eq!(sidecar.try_login(&alice.email, PASSWORD).await.status(), 200);
}
