//! A rolling upgrade for the older instances: the schema is newer than they are.

use crate::support::{Sidecar, TestSidecar};

/// Records a migration of a later release as run, `ahead` numbers after the last one of this binary.
async fn migrate_ahead(sidecar: &Sidecar, ahead: i32, expands: bool) {
    let insert = "INSERT INTO sidegate_migrations (version, name, checksum, applied_at, expands)
                  SELECT max(version) + $1, 'of_a_later_release', sha256('later'), now(), $2 FROM sidegate_migrations";
    sidecar
        .database()
        .await
        .execute(insert, &[&ahead, &expands])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_instance_starts_on_a_schema_that_is_one_expand_migration_ahead() {
    let sidecar = TestSidecar::new().start().await;
    migrate_ahead(&sidecar, 1, true).await;
    let beside = TestSidecar::beside(&sidecar).start().await;
    let alice = beside.user("alice").await;
    assert_eq!(sidecar.refresh(&alice.refresh_token).await.status(), 200);

    let status = beside.command(&["migrate", "status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("of a newer release, accepted"), "{status}");
    let down = beside.command(&["migrate", "down"]);
    let refused = String::from_utf8_lossy(&down.stderr).into_owned();
    assert!(
        !down.status.success() && refused.contains("newer than this binary"),
        "{refused}"
    );
    assert_eq!(
        beside.login(&alice.email).await.email,
        alice.email,
        "nothing was undone"
    );
}

#[tokio::test]
async fn an_instance_does_not_start_on_another_newer_schema() {
    for (ahead, expands) in [(1, false), (2, true)] {
        let sidecar = TestSidecar::new().start().await;
        migrate_ahead(&sidecar, ahead, expands).await;
        let beside = TestSidecar::beside(&sidecar).spawn().await;
        crate::support::wait_until("it says so", std::time::Duration::from_secs(20), async || {
            beside
                .logs()
                .contains("the database is newer than this binary: it ran migration of_a_later_release")
        })
        .await;
    }
}
