//! Cached copies of accounts in Redis, for reading only.
//!
//! A copy must not outlive a change. The change deletes it after its commit, for all instances at once, and leaves a
//! tombstone: otherwise a reader that read the old row just before would store it again for a minute. While the
//! tombstone exists, no copy can be stored; and a reader that took longer than half of a tombstone's lifetime does not
//! try.
//!
//! ```text
//! reader:  GET ─ miss ─ row (old) ───────────────────── SET NX: refused
//! writer:                          COMMIT ─ tombstone
//! ```

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::StoreError;
use super::redis::Redis;

/// The lifetime of a copy, which is also the longest time that a copy is outdated if Redis was unreachable when it
/// should be deleted.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// The lifetime of a tombstone: longer than a reader takes from reading the row to storing the copy.
const TOMBSTONE: Duration = Duration::from_secs(10);

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copy {
    /// The cached text.
    Known(String),
    /// There is no copy, or a tombstone.
    Unknown,
}

/// The permission to store a copy of a row that is read after this.
#[derive(Debug, Clone, Copy)]
pub struct Reading(Instant);

/// Looks up a copy.
pub async fn find(redis: &Redis, user: Uuid) -> Result<(Copy, Reading), StoreError> {
    let reading = Reading(Instant::now());
    let mut command = ::redis::cmd("GET");
    command.arg(redis.keys().user_cache(&user.to_string()));
    let text: Option<String> = redis.command("user_cache_find", command).await?;
    let copy = text.filter(|text| !text.is_empty()).map_or(Copy::Unknown, Copy::Known);
    Ok((copy, reading))
}

/// Stores a copy, unless there is one or the account changed meanwhile.
pub async fn keep(redis: &Redis, user: Uuid, text: &str, reading: Reading) -> Result<(), StoreError> {
    if reading.0.elapsed() > TOMBSTONE / 2 {
        return Ok(());
    }
    let mut command = ::redis::cmd("SET");
    command.arg(redis.keys().user_cache(&user.to_string())).arg(text);
    command.arg("NX").arg("PX").arg(milliseconds(KEPT_FOR));
    redis.command::<()>("user_cache_keep", command).await
}

/// Deletes the copies of accounts that changed.
pub async fn drop_copies(redis: &Redis, users: &[Uuid]) -> Result<(), StoreError> {
    let tombstone = |user: &Uuid| {
        let mut command = ::redis::cmd("SET");
        command.arg(redis.keys().user_cache(&user.to_string())).arg("");
        command.arg("PX").arg(milliseconds(TOMBSTONE));
        command
    };
    let commands = users.iter().map(tombstone).collect();
    redis.each("user_cache_drop", commands).await.map(drop)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
