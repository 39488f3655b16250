//! How late a verifier learns of a revocation, as its metrics say.

use std::time::Duration;

use super::publisher::{passed, presented, refused, trusting};
use crate::support::{AUDIENCE, ISSUER, TestSidecar, wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_lag_of_a_revocation_that_arrives_late_is_measured() {
    let issuer = TestSidecar::new().start().await;
    let entry = format!(
        "{{ issuer: \"{ISSUER}\", jwks_url: \"{}/.well-known/jwks.json\", audience: [{AUDIENCE}] }}",
        issuer.url()
    );
    let verifier = TestSidecar::beside(&issuer)
        .with_faults()
        .config(&trusting(&[entry]))
        .config("revocation: { feed: redis, max_lag: 2s }")
        .start()
        .await;
    let token = issuer.user("alice").await.access_token;
    wait_until("the view is fresh", TIMEOUT, async || {
        presented(&verifier, &token).await == passed()
    })
    .await;

    verifier.redis_network().freeze();
    assert_eq!(issuer.post("/auth/logout").bearer(&token).send().await.status(), 204);
    // That takes `max_lag`, less the age that the view had.
    wait_until("the view is stale", TIMEOUT, async || {
        presented(&verifier, &token).await == refused(503, "revocation_unknown")
    })
    .await;
    verifier.redis_network().heal();
    wait_until("the verifier knows the sign-out", TIMEOUT, async || {
        presented(&verifier, &token).await == refused(401, "revoked")
    })
    .await;
    let count = verifier.metric("sidegate_revocation_lag_seconds_count", &[]).await;
    let seconds = verifier.metric("sidegate_revocation_lag_seconds_sum", &[]).await;
    assert!(count >= 1.0 && seconds >= 1.0, "{count} revocations, {seconds} s");
}
