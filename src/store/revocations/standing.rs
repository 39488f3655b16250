//! Asking Redis about one token.

use crate::store::redis::Redis;
use crate::store::{StoreError, scripts};

/// A token that is asked about. An absent id is empty, which nobody can revoke.
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

/// What Redis knows of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// When it was asked, in milliseconds since 1970 by its clock.
    pub now_ms: i64,
    /// The instant up to which the feed is complete, by the same clock; `None`: nobody says.
    pub complete_ms: Option<i64>,
    /// The token itself, or its session, is revoked.
    pub revoked: bool,
    /// The user's tokens of an older version are outdated.
    pub user_version: Option<u32>,
    /// The `kid` of each signing key that is revoked.
    pub keys: Vec<String>,
}

/// Asks about one token, in one round trip. "Not revoked" is worth as much as `complete_ms` is recent.
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
