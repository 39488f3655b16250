//! Delivery by a real mail server.

use super::{TIMEOUT, empty, failures, message, tried};
use crate::support::{Eml, LOGIN, MailServer, TestSidecar, queue_message, wait_until};

#[tokio::test]
async fn a_server_with_starttls_and_authentication_receives_the_message() {
    let server = MailServer::start(&["--starttls", "--login"]).await;
    let config = server.config("smtp", Some(LOGIN[1]));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    empty(&sidecar).await;
    let messages = server.messages();
    assert_eq!(messages.len(), 1);
    let eml = Eml::read(&messages[0]);
    assert_eq!(eml.header("To"), "alice@example.com");
    assert!(
        eml.text.contains("The password of your account was changed"),
        "{}",
        eml.text
    );
    assert_eq!(
        server.commands(),
        [
            "EHLO clear",
            "EHLO tls",
            "AUTH tls right",
            "MAIL tls no-reply@sidegate.test",
            "RCPT tls alice@example.com",
            "DATA tls alice@example.com"
        ]
    );
}

#[tokio::test]
async fn a_server_that_speaks_tls_from_the_start_does_too() {
    let server = MailServer::start(&["--tls", "--login"]).await;
    let config = server.config("smtps", Some(LOGIN[1]));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    empty(&sidecar).await;
    assert_eq!(server.messages().len(), 1);
    assert!(
        server.commands().iter().all(|command| command.contains(" tls")),
        "{:?}",
        server.commands()
    );
}

#[tokio::test]
async fn with_a_wrong_password_a_message_is_tried_again_and_not_delivered() {
    let server = MailServer::start(&["--starttls", "--login"]).await;
    let config = server.config("smtp", Some("wrong-hunter2"));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    let reason = tried(&sidecar, 2).await;
    assert!(reason.starts_with("signing in: permanent error (535)"), "{reason}");
    assert_eq!(server.messages().len(), 0);
    assert_eq!(failures(&sidecar).await.len(), 0);
    let logs = sidecar.logs();
    assert!(logs.contains("a message could not be sent"), "{logs}");
    assert!(
        !logs.contains("wrong-hunter2") && !logs.contains("alice@example.com"),
        "{logs}"
    );
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_starttls() {
    let server = MailServer::start(&[]).await;
    let config = server.config("smtp", Some(LOGIN[1]));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    let reason = tried(&sidecar, 2).await;
    assert!(reason.contains("STARTTLS is not supported"), "{reason}");
    let commands = server.commands();
    assert!(
        !commands.is_empty() && commands.iter().all(|command| command == "EHLO clear"),
        "{commands:?}"
    );
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_with_the_certificate_of_another_host() {
    let server = MailServer::start(&["--starttls", "--login"]).await;
    let other = MailServer::reserve(&[]);
    let config = server.config_trusting("smtp", Some(LOGIN[1]), &other.path("ca.pem"));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    let reason = tried(&sidecar, 2).await;
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
    assert!(
        server.commands().iter().all(|command| command == "EHLO clear"),
        "{:?}",
        server.commands()
    );
}

#[tokio::test]
async fn a_message_refused_for_good_fails_once_and_is_audited() {
    let server = MailServer::start(&["--starttls", "--login", "--refuse", "550"]).await;
    let config = server.config("smtp", Some(LOGIN[1]));
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    empty(&sidecar).await;
    let find = "SELECT attempts, last_error, octet_length(payload_sealed) FROM mail_queue WHERE failed_at IS NOT NULL";
    let row = sidecar.database().await.query_one(find, &[]).await.unwrap();
    let (attempts, reason, payload): (i32, String, i32) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((attempts, payload), (1, 0), "recipient and codes are deleted");
    assert!(reason.contains("550") && !reason.contains("alice"), "{reason}");
    let audited = failures(&sidecar).await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0]["message"], "password_changed");
    assert!(!audited[0].to_string().contains("alice@example.com"), "{}", audited[0]);
    let failed = [("template", "password_changed"), ("result", "failed")];
    assert!((sidecar.metric("sidegate_mail_sent_total", &failed).await - 1.0).abs() < f64::EPSILON);
    let refused = server
        .commands()
        .iter()
        .filter(|command| command.starts_with("RCPT"))
        .count();
    assert_eq!(refused, 1, "it was not tried again");
}

#[tokio::test]
async fn a_message_refused_for_now_is_tried_again() {
    let server = MailServer::start(&["--starttls", "--refuse", "450"]).await;
    let sidecar = TestSidecar::new().config(&server.config("smtp", None)).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    let reason = tried(&sidecar, 2).await;
    assert!(reason.contains("450"), "{reason}");
    assert_eq!(failures(&sidecar).await.len(), 0);
}

#[tokio::test]
async fn messages_survive_a_mail_server_that_is_down_and_our_own_end() {
    let mut server = MailServer::reserve(&["--starttls", "--login"]);
    let config = server.config("smtp", Some(LOGIN[1]));
    let mut sidecar = TestSidecar::new().config(&config).start().await;
    for name in ["alice", "bob"] {
        sidecar
            .queue_message(&message(&format!("{name}@example.com")), 600.0)
            .await;
    }
    wait_until("both were tried", TIMEOUT, async || {
        let find = "SELECT count(*) FROM mail_queue WHERE attempts > 1 AND last_error IS NOT NULL";
        let row = sidecar.database().await.query_one(find, &[]).await.unwrap();
        row.get::<_, i64>(0) == 2
    })
    .await;
    sidecar.stop().await;
    server.start_again().await;
    assert_eq!(server.messages().len(), 0);
    sidecar.restart().await;
    empty(&sidecar).await;
    let messages = server.messages();
    let mut to: Vec<_> = messages
        .iter()
        .map(|message| Eml::read(message).header("To").to_owned())
        .collect();
    to.sort();
    assert_eq!(to, ["alice@example.com", "bob@example.com"]);
}

#[tokio::test]
async fn two_instances_send_each_of_a_hundred_messages_once() {
    let server = MailServer::start(&["--starttls", "--login"]).await;
    let config = server.config("smtp", Some(LOGIN[1]));
    let one = TestSidecar::new().config(&config).start().await;
    let two = TestSidecar::beside(&one).config(&config).start().await;
    let database = one.database().await;
    // Both are delayed until all messages are queued, so that they run concurrently.
    let lock = "BEGIN; LOCK TABLE mail_queue IN ACCESS EXCLUSIVE MODE";
    database.batch_execute(lock).await.unwrap();
    for number in 0..100 {
        queue_message(&database, &message(&format!("n{number}@example.com")), 600.0).await;
    }
    let other = one.database().await;
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '-- mail_take%'";
    wait_until("both want messages", TIMEOUT, async || {
        other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 2
    })
    .await;
    database.batch_execute("COMMIT").await.unwrap();
    empty(&one).await;
    let messages = server.messages();
    let mut to: Vec<_> = messages
        .iter()
        .map(|message| Eml::read(message).header("To").to_owned())
        .collect();
    to.sort();
    let mut expected: Vec<_> = (0..100).map(|number| format!("n{number}@example.com")).collect();
    expected.sort();
    assert_eq!(to, expected);
    let sent = [("result", "sent")];
    let each = [&one, &two].map(|sidecar| async { sidecar.metric("sidegate_mail_sent_total", &sent).await });
    let each = futures::future::join_all(each).await;
    assert!((each.iter().sum::<f64>() - 100.0).abs() < f64::EPSILON, "{each:?}");
    assert!(each.iter().all(|sent| *sent > 0.0), "both took part: {each:?}");
}
