//! The answer to a refresh, kept for `reuse_grace`, so that the same token presented again in that time gets the same
//! answer. Sealed by the caller under a key derived from the token presented: Redis alone yields no token.

use std::time::Duration;

use super::StoreError;
use super::redis::Redis;

/// Keeps the sealed answer to the token with this SHA-256.
pub async fn put(redis: &Redis, token_hash: &[u8; 32], sealed: &[u8], ttl: Duration) -> Result<(), StoreError> {
    let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut command = ::redis::cmd("SET");
    command
        .arg(redis.keys().refresh(token_hash))
        .arg(sealed)
        .arg("PX")
        .arg(milliseconds);
    redis.command("refresh_grace_put", command).await
}

/// The sealed answer, if it is still kept.
pub async fn find(redis: &Redis, token_hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = ::redis::cmd("GET");
    command.arg(redis.keys().refresh(token_hash));
    redis.command("refresh_grace_find", command).await
}

/// Forgets it: the successor was used, or the session ended.
pub async fn forget(redis: &Redis, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("DEL");
    command.arg(redis.keys().refresh(token_hash));
    redis.command("refresh_grace_forget", command).await
}
