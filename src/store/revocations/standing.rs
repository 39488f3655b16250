//! Reads the status of one token from Redis.

use crate::store::redis::Redis;
use crate::store::{StoreError, scripts};

/// The ids of a token. An absent id is empty, which cannot be revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Token<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `jti`.
    pub jti: &'a str,
    /// `sid`.
    pub session: &'a str,
    /// `sub`.
    pub user: &'a str,
}

/// The status of a token in Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The time of the response, in milliseconds since 1970 by the clock of Redis.
    pub now_ms: i64,
    /// The time up to which the feed is complete, by the same clock; `None` if there is no heartbeat.
    pub complete_ms: Option<i64>,
    /// Whether the token or its session is revoked.
    pub revoked: bool,
    /// The first version of the user's tokens that is not outdated.
    pub user_version: Option<u32>,
    /// The `kid` of each signing key that is revoked.
    pub keys: Vec<String>,
}

/// Reads the status of one token, in one round trip. "Not revoked" is only as recent as `complete_ms`.
pub async fn check(redis: &Redis, token: &Token<'_>) -> Result<Standing, StoreError> {
    let keys = redis.keys();
    let mut script = scripts::REVOCATION_CHECK.prepare_invoke();
    script
        .key(keys.revocations_heartbeat())
        .key(keys.blacklist_jti(token.jti))
        .key(keys.blacklist_sid(token.session))
        .key(keys.blacklist_user(token.issuer, token.user))
        .key(keys.blacklist_keys());
    let (now_ms, complete_ms, jti, session, version, revoked_keys): (i64, i64, i64, i64, i64, Vec<String>) =
        redis.script("revocation_check", script).await?;
    Ok(Standing {
        now_ms,
        complete_ms: (complete_ms >= 0).then_some(complete_ms),
        revoked: jti > 0 || session > 0,
        user_version: u32::try_from(version).ok(),
        keys: revoked_keys,
    })
}
