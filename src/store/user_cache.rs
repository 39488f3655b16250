//! Copies of accounts in Redis, for those who only read one.
//!
//! A copy must not outlive a change. The change drops it after its commit, for all instances at once, and leaves a
//! tombstone: a reader that had read the old row just before would otherwise put it back, for a minute. While the
//! tombstone lies there, nobody can; and a reader that took longer than half of a tombstone's life does not try.
//!
//! ```text
//! reader:  GET ─ miss ─ row (old) ───────────────────── SET NX: refused
//! writer:                          COMMIT ─ tombstone
//! ```

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::StoreError;
use super::redis::Redis;

/// How long a copy is good: also the bound of a copy whose dropping failed because Redis was away.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Longer than a reader may take from its row to its copy.
const TOMBSTONE: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copy {
    /// The text that was put there.
    Known(String),
    /// Nothing, or a tombstone.
    Unknown,
}

/// The permission to leave a copy of a row that is read after this.
#[derive(Debug, Clone, Copy)]
pub struct Reading(Instant);

/// Looks for a copy.
pub async fn find(redis: &Redis, user: Uuid) -> Result<(Copy, Reading), StoreError> {
    let reading = Reading(Instant::now());
    let mut command = ::redis::cmd("GET");
    command.arg(redis.keys().user_cache(&user.to_string()));
    let text: Option<String> = redis.command("user_cache_find", command).await?;
    let copy = text.filter(|text| !text.is_empty()).map_or(Copy::Unknown, Copy::Known);
    Ok((copy, reading))
}

/// Leaves a copy, unless there is one or the account changed meanwhile.
pub async fn keep(redis: &Redis, user: Uuid, text: &str, reading: Reading) -> Result<(), StoreError> {
    if reading.0.elapsed() > TOMBSTONE / 2 {
        return Ok(());
    }
    let mut command = ::redis::cmd("SET");
    command.arg(redis.keys().user_cache(&user.to_string())).arg(text);
    command.arg("NX").arg("PX").arg(milliseconds(KEPT_FOR));
    redis.command::<()>("user_cache_keep", command).await
}

/// Drops the copies of accounts that changed.
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
