//! The users who are online, ordered by when they were last seen. Written in batches, by every instance.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use super::redis::{Redis, read};
use super::sessions_seen::{instant, milliseconds};

/// Users are removed when they were not seen for this long.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// The number of users per command.
const BATCH: usize = 500;

/// Records when users were seen; an older time never replaces a newer one. Users who were not seen for an hour are
/// removed.
pub async fn note(redis: &Redis, seen: &[(Uuid, OffsetDateTime)], now: OffsetDateTime) -> Result<(), StoreError> {
    let key = redis.keys().presence();
    for batch in seen.chunks(BATCH) {
        let mut add = ::redis::cmd("ZADD");
        add.arg(&key).arg("GT");
        for (user, at) in batch {
            add.arg(milliseconds(*at)).arg(user.to_string());
        }
        let mut trim = ::redis::cmd("ZREMRANGEBYSCORE");
        trim.arg(&key).arg("-inf").arg(milliseconds(now - KEPT_FOR));
        let mut expire = ::redis::cmd("PEXPIRE");
        expire
            .arg(&key)
            .arg(i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX));
        redis.all("presence_note", vec![add, trim, expire]).await?;
    }
    Ok(())
}

/// The users who are online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Online {
    /// The number of users.
    pub count: u64,
    /// The users, most recently seen first.
    pub users: Vec<(Uuid, OffsetDateTime)>,
}

/// The users who were seen since a time; at most `limit` of them by id.
pub async fn list(redis: &Redis, since: OffsetDateTime, limit: u32) -> Result<Online, StoreError> {
    let (key, since) = (redis.keys().presence(), milliseconds(since));
    let mut count = ::redis::cmd("ZCOUNT");
    count.arg(&key).arg(since).arg("+inf");
    let mut range = ::redis::cmd("ZREVRANGEBYSCORE");
    range.arg(&key).arg("+inf").arg(since).arg("WITHSCORES");
    range.arg("LIMIT").arg(0).arg(limit);
    let mut answers = redis.each("presence_list", vec![count, range]).await?.into_iter();
    let mut next = || answers.next().unwrap_or(::redis::Value::Nil);
    let count = read("presence_list", next())?;
    let rows: Vec<(String, f64)> = read("presence_list", next())?;
    let users = rows
        .into_iter()
        .filter_map(|(user, at)| Some((user.parse().ok()?, instant(at)?)))
        .collect();
    Ok(Online { count, users })
}

/// The number of users who were seen since a time.
pub async fn count(redis: &Redis, since: OffsetDateTime) -> Result<u64, StoreError> {
    let mut command = ::redis::cmd("ZCOUNT");
    command
        .arg(redis.keys().presence())
        .arg(milliseconds(since))
        .arg("+inf");
    redis.command("presence_count", command).await
}
