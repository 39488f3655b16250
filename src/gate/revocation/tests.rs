//! What a view that is too old means for a request, by the route's `on_stale`.

use std::sync::Arc;

use serde_json::json;
use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::{
    gate::{
        testing,
        verify::{Standard, without_signature},
    },
    metrics::Metrics,
    secret::Secret,
    store::{redis::Settings, revocations::Revocation, revocations::Subject},
};

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const ISSUER: &str = "https://gw.test";
const ALL: [OnStale; 3] = [OnStale::Check, OnStale::Deny, OnStale::Allow];

/// With a Redis that does not answer.
fn revocations() -> Revocations {
    let settings = Settings {
        url: Secret::new("redis://127.0.0.1:1"),
        namespace: "none".to_owned(),
        timeout: Duration::from_millis(100),
    };
    Revocations {
        view: Arc::new(View::default()),
        redis: Redis::connect(&settings, &Arc::new(Metrics::new())).unwrap(),
    }
}

fn rules() -> Rules {
    let mut rules = testing::rules(vec![]);
    let issuer = testing::issuer_rules(ISSUER, "app");
    rules.issuers.insert(ISSUER.into(), Arc::new(issuer));
    rules.max_lag = Duration::from_secs(2);
    rules
}

fn caller(rules: &Rules) -> Caller {
    let claims = json!({
        "iss": ISSUER, "aud": "app", "sub": "alice", "sid": "s1", "jti": "j1", "exp": NOW.unix_timestamp() + 600,
    });
    Caller::new(without_signature(claims, rules, NOW).unwrap(), Standard::new(rules, 0))
}

/// The outcome with a view of this age.
async fn outcomes(revocations: &Revocations) -> [Result<(), Denial>; 3] {
    let rules = rules();
    let caller = caller(&rules);
    let [check, deny, allow] = ALL.map(|on_stale| revocations.check(&caller, on_stale, &rules));
    [check.await, deny.await, allow.await]
}

#[tokio::test]
async fn a_fresh_view_without_the_token_accepts_it() {
    let revocations = revocations();
    revocations.view.complete(Instant::now());
    assert_eq!(outcomes(&revocations).await, [Ok(()), Ok(()), Ok(())]);
}

#[tokio::test]
async fn a_stale_view_accepts_nothing_unless_the_route_says_so() {
    const UNKNOWN: Result<(), Denial> = Err(Denial::RevocationUnknown);
    let revocations = revocations();
    assert_eq!(
        outcomes(&revocations).await,
        [UNKNOWN, UNKNOWN, Ok(())],
        "never complete"
    );
    let long_ago = Instant::now().checked_sub(Duration::from_millis(2_100)).unwrap();
    revocations.view.complete(long_ago);
    assert_eq!(outcomes(&revocations).await, [UNKNOWN, UNKNOWN, Ok(())], "too old");
}

const REVOKED: Result<(), Denial> = Err(Denial::Revoked);

#[tokio::test]
async fn a_known_revocation_refuses_however_old_the_view_is() {
    let revocations = revocations();
    revocations.view.revoke(&Revocation {
        subject: Subject::Session("s1".to_owned()),
        expires_at: NOW + Duration::from_secs(600),
    });
    assert_eq!(outcomes(&revocations).await, [REVOKED, REVOKED, REVOKED]);
    revocations.view.complete(Instant::now());
    assert_eq!(outcomes(&revocations).await, [REVOKED, REVOKED, REVOKED]);
}
