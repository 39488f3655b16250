//! The queue: leases, failures, and what remains.

use std::time::Duration;

use serde_json::json;
use sidegate::store::cleanup::{self, Before};
use sidegate::store::id;
use sidegate::store::mail::{self, NewMessage, Queued};
use time::OffsetDateTime;

use super::{TIMEOUT, empty, failures, message};
use crate::store::fixture::{Database, NOW};
use crate::support::{TestSidecar, wait_until};

const LEASE: Duration = Duration::from_secs(60);

async fn queue(database: &Database) {
    let message = NewMessage {
        id: id::new(NOW),
        message: "password_changed",
        user_id: None,
        payload_sealed: b"sealed",
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(3600),
    };
    mail::insert(&database.postgres, &message).await.unwrap();
}

async fn take(database: &Database, now: OffsetDateTime) -> Vec<Queued> {
    mail::take(&database.postgres, now, now + LEASE, 8).await.unwrap()
}

#[tokio::test]
async fn a_message_is_not_taken_by_another_worker_before_its_lease_ends() {
    let database = Database::migrated().await;
    queue(&database).await;
    assert_eq!(
        take(&database, NOW - Duration::from_secs(1)).await.len(),
        0,
        "not due yet"
    );
    let first = take(&database, NOW).await;
    assert_eq!((first.len(), first[0].attempts), (1, 1));
    assert_eq!(take(&database, NOW + LEASE - Duration::from_millis(1)).await.len(), 0);
    let second = take(&database, NOW + LEASE).await;
    assert_eq!((second.len(), second[0].attempts), (1, 2));

    // The worker that took it first and lost the lease cannot change it any more; the current one can.
    let later = NOW + LEASE;
    assert!(!mail::retry(&database.postgres, &first[0], later, "late").await.unwrap());
    assert!(!mail::fail(&database.postgres, &first[0], "late", later).await.unwrap());
    assert!(
        mail::fail(&database.postgres, &second[0], "refused", later)
            .await
            .unwrap()
    );
    assert_eq!(take(&database, NOW + LEASE * 100).await.len(), 0, "it failed for good");
}

#[tokio::test]
async fn twenty_concurrent_workers_get_different_messages() {
    let database = Database::migrated().await;
    for _ in 0..40 {
        queue(&database).await;
    }
    let taken = futures::future::join_all((0..20).map(|_| mail::take(&database.postgres, NOW, NOW + LEASE, 8))).await;
    let mut ids: Vec<_> = taken
        .into_iter()
        .filter_map(Result::ok)
        .flatten()
        .map(|row| row.id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((count, ids.len()), (40, 40));
}

#[tokio::test]
async fn cleanup_removes_old_failures_and_leaves_what_waits() {
    let database = Database::migrated().await;
    for _ in 0..2 {
        queue(&database).await;
    }
    let taken = take(&database, NOW).await;
    assert!(mail::fail(&database.postgres, &taken[0], "refused", NOW).await.unwrap());
    let before = |tokens| Before {
        tokens,
        ..Before::at(NOW - Duration::from_secs(1), Duration::ZERO, Duration::ZERO)
    };
    let run = async |tokens| {
        cleanup::run(&database.postgres, before(tokens))
            .await
            .unwrap()
            .unwrap()
            .messages
    };
    assert_eq!(run(NOW).await, 0, "it failed at this instant, not before");
    assert_eq!(run(NOW + Duration::from_secs(1)).await, 1);
    assert_eq!(mail::count_waiting(&database.postgres).await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_that_is_too_late_is_not_sent_but_audited() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "auth: {{ mail: {{ transport: file, directory: {}, smtp: null }} }}",
        dir.path().display()
    );
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("late@example.com"), -1.0).await;
    sidecar.queue_message(&message("intime@example.com"), 60.0).await;
    empty(&sidecar).await;
    let files = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let messages: Vec<_> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("intime@example.com"));
    let audited = failures(&sidecar).await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0]["result"], "expired");
}

#[tokio::test]
async fn a_message_is_given_up_after_its_last_try() {
    let config = "auth: { mail: { retry: { attempts: 2, first: 100ms, max: 100ms } } }";
    let sidecar = TestSidecar::new().config(config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 600.0).await;
    empty(&sidecar).await;
    let audited = failures(&sidecar).await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0]["attempts"], 2);
    assert!(
        sidecar
            .logs()
            .contains("a message could not be delivered and will not be retried"),
        "{}",
        sidecar.logs()
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_opened_or_is_unknown_fails_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "auth: {{ mail: {{ transport: file, directory: {}, smtp: null }} }}",
        dir.path().display()
    );
    let sidecar = TestSidecar::new().config(&config).start().await;
    let to = json!({ "user_id": null, "email": "alice@example.com", "name": null });
    sidecar
        .queue_message(&json!({ "message": "of_tomorrow", "to": to }), 60.0)
        .await;
    sidecar.queue_message(&message("no address"), 60.0).await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    let foreign = "INSERT INTO mail_queue (message, payload_sealed, expires_at)
                   VALUES ('mfa_code', 'not sealed by us', now() + interval '1 minute')";
    sidecar.database().await.batch_execute(foreign).await.unwrap();
    empty(&sidecar).await;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(failures(&sidecar).await.len(), 3);
}

#[tokio::test]
async fn metrics_of_mail_are_there_from_the_start_and_tell_what_waits() {
    let sidecar = TestSidecar::new().start().await;
    wait_until("the series are there", TIMEOUT, async || {
        let text = sidecar.admin("GET", "/metrics").send().await.text();
        text.contains(r#"sidegate_mail_sent_total{result="failed",template="password_reset"} 0"#)
    })
    .await;
    sidecar.queue_message(&message("alice@example.com"), 600.0).await;
    wait_until("the gauge shows it", TIMEOUT, async || {
        sidecar.metric("sidegate_mail_queue_length", &[]).await > 0.5
    })
    .await;
}
