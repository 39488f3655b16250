//! The causes of messages.

use serde_json::json;

use crate::support::{PASSWORD, TestSidecar};

async fn register(sidecar: &crate::support::Sidecar, email: &str) -> u16 {
    let body = json!({ "email": email, "password": PASSWORD });
    sidecar.post("/auth/register").json(&body).send().await.status()
}

/// The messages that these tests are about; there are others.
const ABOUT: [&str; 2] = ["registration_attempted", "refresh_reused"];

/// The queued messages to an email address that are in [`ABOUT`].
async fn words(sidecar: &crate::support::Sidecar, email: &str) -> Vec<String> {
    let messages = sidecar.queued_messages().await;
    let to_them = messages.iter().filter(|message| message["to"]["email"] == email);
    let words = to_them.map(|message| message["message"].as_str().unwrap().to_owned());
    words.filter(|word| ABOUT.contains(&word.as_str())).collect()
}

#[tokio::test]
async fn the_owner_of_an_email_address_is_notified_of_registrations_with_it_within_a_limit() {
    let sidecar = TestSidecar::new()
        .config("auth: { limits: { registration: { per_account: 3/1h } } }")
        .start()
        .await;
    let first = register(&sidecar, "alice@example.com").await;
    assert_eq!(words(&sidecar, "alice@example.com").await, [""; 0]);
    // Within the first minute it would be a retry of her own client.
    let earlier = "UPDATE users SET created_at = created_at - interval '61 s'";
    sidecar.database().await.execute(earlier, &[]).await.unwrap();
    assert_eq!(
        register(&sidecar, "Alice@Example.com").await,
        first,
        "the answer is the same"
    );
    assert_eq!(words(&sidecar, "alice@example.com").await, ["registration_attempted"]);
    assert_eq!(register(&sidecar, "ALICE@example.com").await, first);
    assert_eq!(
        register(&sidecar, "alice@example.com").await,
        429,
        "whether it is taken or not"
    );
    assert_eq!(words(&sidecar, "alice@example.com").await.len(), 2);
}

#[tokio::test]
async fn the_owner_is_notified_that_a_refresh_token_was_used_twice() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let second = sidecar.refresh(&alice.refresh_token).await.json();
    sidecar.refresh(second["refresh_token"].as_str().unwrap()).await;
    assert_eq!(words(&sidecar, &alice.email).await, [""; 0], "ordinary use is no news");
    assert_eq!(sidecar.refresh(&alice.refresh_token).await.status(), 401);
    assert_eq!(words(&sidecar, &alice.email).await, ["refresh_reused"]);
    sidecar.refresh(&alice.refresh_token).await;
    assert_eq!(
        words(&sidecar, &alice.email).await.len(),
        1,
        "a session that is over ends once"
    );
}

#[tokio::test]
async fn without_a_mail_section_nothing_is_queued() {
    let sidecar = TestSidecar::new().config("auth: { mail: null }").start().await;
    sidecar.user("alice").await;
    register(&sidecar, "alice@example.com").await;
    let rows = sidecar
        .database()
        .await
        .query("SELECT FROM mail_queue", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 0);
}
