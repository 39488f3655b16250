//! An audit log that cannot be written.

use crate::support::{PASSWORD, TestSidecar};

/// A database user without the privilege would be refused in the same way; that of the tests has all.
const REFUSE: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk of the archive is full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION refuse()";

#[tokio::test]
async fn while_the_audit_log_refuses_entries_requests_are_to_be_retried() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let database = sidecar.database().await;
    database.batch_execute(REFUSE).await.unwrap();
    let answer = sidecar.try_login(&alice.email, PASSWORD).await;
    assert_eq!(
        (answer.status(), &*answer.code()),
        (503, "unavailable"),
        "{}",
        answer.text()
    );
    assert!(answer.header("retry-after").is_some());

    database
        .batch_execute("DROP TRIGGER refuse ON audit_logs")
        .await
        .unwrap();
    assert_eq!(sidecar.try_login(&alice.email, PASSWORD).await.status(), 200);
}
