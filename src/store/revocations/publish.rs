//! Publishes revocations: in the feed, and as keys for `on_stale: check`.

use std::time::Duration;

use super::entry::{Recorded, Subject};
use super::wire;
use crate::store::redis::{Keys, Redis};
use crate::store::{StoreError, StoreName, scripts};

/// The maximum number of revocations per call: a call must complete within its timeout, and block the server for less
/// than a millisecond.
pub const BATCH: usize = 200;

/// Publishes up to [`BATCH`] revocations, all of them or none, and returns the ids of their entries in the feed. `keep`
/// is how long the feed stores an entry: the longest lifetime of an access token, and a margin.
///
/// Revocations can be published twice: by several issuers, or after a failure whose outcome is unknown.
pub async fn publish(redis: &Redis, revocations: &[Recorded], keep: Duration) -> Result<Vec<String>, StoreError> {
    if revocations.is_empty() {
        return Ok(Vec::new());
    }
    let mut script = scripts::REVOCATION_PUBLISH.prepare_invoke();
    script.key(redis.keys().revocations());
    script.arg(keep.as_millis().to_string());
    for Recorded { id, revocation } in revocations {
        let subject = &revocation.subject;
        script
            .key(key(redis.keys(), subject))
            .arg(wire::kind(subject))
            .arg(wire::id(subject))
            .arg(wire::milliseconds(revocation.expires_at))
            .arg(*id);
        match subject {
            Subject::User { issuer, version, .. } => script.arg(*version).arg(issuer),
            _ => script.arg("").arg(""),
        };
    }
    let ids: Vec<String> = redis.script("revocation_publish", script).await?;
    // An empty or shorter response does not come from Redis, and nothing can be concluded from it.
    if ids.len() == revocations.len() {
        Ok(ids)
    } else {
        Err(StoreError::Data {
            store: StoreName::Redis,
            operation: "revocation_publish",
            cause: format!("{} ids for {} revocations", ids.len(), revocations.len()),
        })
    }
}

fn key(keys: &Keys, subject: &Subject) -> String {
    match subject {
        Subject::Token(jti) => keys.blacklist_jti(jti),
        Subject::Session(sid) => keys.blacklist_sid(sid),
        Subject::User { issuer, id, .. } => keys.blacklist_user(issuer, id),
        Subject::Key(_) => keys.blacklist_keys(),
    }
}
