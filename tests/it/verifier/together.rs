//! An issuer and a verifier of ours, as two processes on one Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::publisher::{passed, presented, refused, trusting};
use crate::support::{AUDIENCE, ISSUER, Sidecar, TestSidecar, claims, wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

async fn verifier_of(issuer: &Sidecar) -> Sidecar {
    let entry = format!(
        "{{ issuer: \"{ISSUER}\", jwks_url: \"{}/.well-known/jwks.json\", audience: [{AUDIENCE}] }}",
        issuer.url()
    );
    TestSidecar::beside(issuer)
        .config(&trusting(&[entry]))
        .config("revocation: { feed: redis }")
        .start()
        .await
}

#[tokio::test]
async fn a_token_of_the_issuer_passes_at_the_verifier_until_its_session_ends() {
    let issuer = TestSidecar::new().start().await;
    let verifier = verifier_of(&issuer).await;
    let (alice, bob) = (issuer.user("alice").await, issuer.user("bob").await);

    let answer = verifier.get("/").bearer(&alice.access_token).send().await;
    assert_eq!(
        answer.upstream_saw().header("x-forwarded-preferred-username"),
        Some("alice")
    );
    assert_eq!(presented(&verifier, &bob.access_token).await, passed());

    let answer = issuer.post("/auth/logout").bearer(&alice.access_token).send().await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    wait_until("the verifier knows the sign-out", TIMEOUT, async || {
        presented(&verifier, &alice.access_token).await == refused(401, "revoked")
    })
    .await;
    assert_eq!(
        presented(&verifier, &bob.access_token).await,
        passed(),
        "another session goes on"
    );
}

#[tokio::test]
async fn changed_rights_outdate_the_tokens_before_and_none_after_by_their_version() {
    let issuer = TestSidecar::new().start().await;
    let verifier = verifier_of(&issuer).await;
    let (alice, bob) = (issuer.user("alice").await, issuer.user("bob").await);
    assert_eq!(presented(&verifier, &alice.access_token).await, passed());

    let granted = issuer.command(&["user", "grant", "alice@example.com", "--role", "staff"]);
    assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));
    // In the same second: nothing here compares clocks.
    let next = issuer.login(&alice.email).await;
    wait_until("the verifier knows the revocation", TIMEOUT, async || {
        presented(&verifier, &alice.access_token).await == refused(401, "token_outdated")
    })
    .await;
    assert_eq!(presented(&verifier, &next.access_token).await, passed());
    assert_eq!(
        presented(&verifier, &bob.access_token).await,
        passed(),
        "somebody else's"
    );
    let version = |token: &str| claims(token)["ver"].as_u64().unwrap();
    assert_eq!(version(&next.access_token), version(&alice.access_token) + 1);
}

#[tokio::test]
async fn tokens_of_a_leaked_key_that_was_rotated_out_are_refused_long_before_the_copy_of_the_key_set_expires() {
    let issuer = TestSidecar::new().start().await;
    let verifier = verifier_of(&issuer).await;
    let alice = issuer.user("alice").await;
    assert_eq!(presented(&verifier, &alice.access_token).await, passed());
    let leaked = kid_of(&alice.access_token);
    // Signs in often: the most sessions of an account are limited, and Alice's is needed.
    let bob = issuer.user("bob").await;
    run(&issuer, &["keys", "rotate", "--now"]);
    assert_eq!(
        presented(&verifier, &alice.access_token).await,
        passed(),
        "it still verifies"
    );
    wait_until("the issuer signs with the next key", TIMEOUT, async || {
        kid_of(&issuer.login(&bob.email).await.access_token) != leaked
    })
    .await;
    let next = issuer.login(&alice.email).await;

    run(&issuer, &["keys", "retire", &leaked]);
    wait_until(
        "the verifier knows the revocation",
        Duration::from_secs(2),
        async || presented(&verifier, &alice.access_token).await == refused(401, "key_revoked"),
    )
    .await;
    assert_eq!(issuer.get("/").bearer(&alice.access_token).send().await.status(), 401);
    wait_until("the verifier knows the next key", TIMEOUT, async || {
        presented(&verifier, &next.access_token).await == passed()
    })
    .await;
    wait_until("the key is no longer published", TIMEOUT, async || {
        !issuer
            .get("/.well-known/jwks.json")
            .send()
            .await
            .text()
            .contains(&leaked)
    })
    .await;
}

/// Runs a command of the binary.
fn run(issuer: &Sidecar, arguments: &[&str]) {
    let output = issuer.command(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn kid_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_verifier_has_no_accounts() {
    let issuer = TestSidecar::new().start().await;
    let verifier = verifier_of(&issuer).await;
    let alice = issuer.user("alice").await;
    let seen = verifier
        .get("/auth/me")
        .bearer(&alice.access_token)
        .send()
        .await
        .upstream_saw();
    assert_eq!(seen.target(), "/auth/me", "the path is the application's");
}

#[tokio::test]
async fn a_rotation_of_the_issuers_keys_under_load_refuses_nobody() {
    let issuer = Arc::new(TestSidecar::new().start().await);
    let verifier = Arc::new(verifier_of(&issuer).await);
    let before = issuer.user("alice").await;
    // Signs in often: the most sessions of an account are limited, and Alice's is needed.
    let bob = issuer.user("bob").await;
    let newest = Arc::new(std::sync::Mutex::new(before.access_token.clone()));
    let (stop, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|worker| {
            let (verifier, stop, requests) = (Arc::clone(&verifier), Arc::clone(&stop), Arc::clone(&requests));
            let (oldest, newest) = (before.access_token.clone(), Arc::clone(&newest));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let token = if worker % 2 == 0 {
                        oldest.clone()
                    } else {
                        newest.lock().unwrap().clone()
                    };
                    assert_eq!(presented(&verifier, &token).await, passed());
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    let output = issuer.command(&["keys", "rotate"]);
    assert!(output.status.success(), "{output:?}");
    wait_until("the issuer signs with the next key", TIMEOUT, async || {
        let user = issuer.login(&bob.email).await;
        newest.lock().unwrap().clone_from(&user.access_token);
        kid(&user.access_token) != kid(&before.access_token)
    })
    .await;
    let so_far = requests.load(Ordering::Relaxed);
    wait_until("both keys were used for a while", TIMEOUT, async || {
        requests.load(Ordering::Relaxed) > so_far + 200 || load.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    for worker in load {
        worker.await.unwrap();
    }
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}
