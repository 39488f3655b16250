//! The transports without a mail server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::{TIMEOUT, empty, message};
use crate::support::{Eml, TestSidecar, wait_until};

fn to_folder(directory: &Path) -> String {
    let directory = directory.display();
    format!("auth: {{ mail: {{ transport: file, directory: \"{directory}\", smtp: null, product: \"Wiki & Co\" }} }}")
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_message_becomes_a_file_for_its_owners_eyes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("not/yet/there");
    let sidecar = TestSidecar::new().config(&to_folder(&folder)).start().await;
    let alice = sidecar.user("alice").await;
    empty(&sidecar).await;
    let before = files(&folder).len();
    let second = sidecar.refresh(&alice.refresh_token).await.json();
    sidecar.refresh(second["refresh_token"].as_str().unwrap()).await;
    sidecar.refresh(&alice.refresh_token).await;
    wait_until("the message is there", TIMEOUT, async || files(&folder).len() > before).await;
    empty(&sidecar).await;

    let path = files(&folder).pop().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with("-refresh_reused.eml"), "{name}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let eml = Eml::read(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(eml.header("To"), "alice@example.com");
    assert_eq!(eml.header("From"), "Sidegate <no-reply@sidegate.test>");
    assert_eq!(
        eml.header("Subject"),
        "A device was signed out of your account at Wiki & Co"
    );
    assert_eq!(eml.header("Auto-Submitted"), "auto-generated");
    assert!(eml.text.contains("was used twice") && eml.html.contains("was used twice"));
    let sent = [("template", "refresh_reused"), ("result", "sent")];
    assert!((sidecar.metric("sidegate_mail_sent_total", &sent).await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn the_link_of_a_message_starts_with_the_public_url_whatever_the_host_header() {
    let dir = tempfile::tempdir().unwrap();
    let sidecar = TestSidecar::new().config(&to_folder(dir.path())).start().await;
    let body = json!({ "email": "eve@example.com", "password": "quarrel-lantern-71-osprey" });
    let hostile = sidecar
        .post("/auth/register")
        .host("evil.test")
        .header("X-Forwarded-Host", "evil.test");
    hostile.json(&body).send().await;
    let to = json!({ "user_id": null, "email": "alice@example.com", "name": "Alice" });
    let reset = json!({ "message": "password_reset", "token": "t0ken", "to": to });
    sidecar.queue_message(&reset, 1800.0).await;
    empty(&sidecar).await;
    let path = files(dir.path())
        .into_iter()
        .find(|path| path.display().to_string().contains("password_reset"));
    let eml = Eml::read(&std::fs::read_to_string(path.unwrap()).unwrap());
    let link = format!("\n{}/reset-password?token=t0ken\n", sidecar.url());
    assert!(eml.text.contains(&link), "{}", eml.text);
    assert!(!eml.text.contains("evil") && !eml.html.contains("evil"));
    assert!(eml.html.contains("reset-password?token=t0ken"), "{}", eml.html);
}

#[tokio::test]
async fn hostile_names_and_devices_add_no_header_and_no_markup() {
    let dir = tempfile::tempdir().unwrap();
    let sidecar = TestSidecar::new().config(&to_folder(dir.path())).start().await;
    let to = json!({ "user_id": null, "email": "alice@example.com", "name": "A\r\nBcc: eve@example.com\r\n\r\n<b>hi" });
    let device = "<script>alert(1)</script>\r\nBcc: eve@example.com\r\n\r\n";
    sidecar
        .queue_message(
            &json!({ "message": "new_device", "device": device, "address": "192.0.2.1", "to": to }),
            60.0,
        )
        .await;
    empty(&sidecar).await;
    let eml = Eml::read(&std::fs::read_to_string(files(dir.path()).pop().unwrap()).unwrap());
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(eml.header_names(), expected);
    assert_eq!(eml.header("To"), "alice@example.com");
    assert!(
        !eml.html.contains("<script>") && !eml.html.contains("<b>"),
        "{}",
        eml.html
    );
    assert!(!eml.text.contains("\nBcc"), "{}", eml.text);
}

#[tokio::test]
async fn the_log_transport_shows_the_text_and_no_email_address() {
    let log = "{ auth: { mail: { transport: log, smtp: null } }, observability: { log: { level: info } } }";
    let sidecar = TestSidecar::new().config(log).start().await;
    sidecar.queue_message(&message("alice@example.com"), 60.0).await;
    empty(&sidecar).await;
    wait_until("it is logged", TIMEOUT, async || {
        sidecar.logs().contains("The password of your account was changed")
    })
    .await;
    assert!(!sidecar.logs().contains("alice@example.com"), "{}", sidecar.logs());
}
