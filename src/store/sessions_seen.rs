//! When and from where sessions were last seen: finer than PostgreSQL, which learns of a session at each refresh, and
//! without a write to it per request.

use std::net::IpAddr;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use super::redis::{Redis, read};

/// The last sign of life of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When, to the millisecond.
    pub at: OffsetDateTime,
    /// From where.
    pub address: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
}

/// Notes a sign of life, which is forgotten after `ttl` without another.
pub async fn touch(redis: &Redis, user: Uuid, session: Uuid, seen: &Seen, ttl: Duration) -> Result<(), StoreError> {
    let (user, session) = (user.to_string(), session.to_string());
    let at = milliseconds(seen.at);
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1);
    let (session_key, user_key) = (redis.keys().session(&session), redis.keys().sessions(&user));

    let mut fields = ::redis::cmd("HSET");
    fields.arg(&session_key).arg("user").arg(&user).arg("at").arg(at);
    fields
        .arg("address")
        .arg(seen.address.map(|address| address.to_string()).unwrap_or_default());
    fields
        .arg("user_agent")
        .arg(seen.user_agent.as_deref().unwrap_or_default());
    let expire = |key: &str| {
        let mut command = ::redis::cmd("PEXPIRE");
        command.arg(key).arg(ttl);
        command
    };
    let mut order = ::redis::cmd("ZADD");
    order.arg(&user_key).arg("GT").arg(at).arg(&session);
    let mut trim = ::redis::cmd("ZREMRANGEBYSCORE");
    trim.arg(&user_key).arg("-inf").arg(at.saturating_sub(ttl));
    let commands = vec![fields, expire(&session_key), order, trim, expire(&user_key)];
    redis.all("session_touch", commands).await.map(drop)
}

/// The sessions of a user that gave a sign of life, the last first.
pub async fn list(redis: &Redis, user: Uuid) -> Result<Vec<(Uuid, OffsetDateTime)>, StoreError> {
    let mut command = ::redis::cmd("ZREVRANGE");
    command
        .arg(redis.keys().sessions(&user.to_string()))
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES");
    let rows: Vec<(String, f64)> = redis.command("session_list_seen", command).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(session, at)| Some((session.parse().ok()?, instant(at)?)))
        .collect())
}

/// The last sign of life of a session.
pub async fn find(redis: &Redis, session: Uuid) -> Result<Option<Seen>, StoreError> {
    let mut command = ::redis::cmd("HMGET");
    command
        .arg(redis.keys().session(&session.to_string()))
        .arg("at")
        .arg("address")
        .arg("user_agent");
    let (at, address, user_agent): (Option<f64>, Option<String>, Option<String>) =
        redis.command("session_find_seen", command).await?;
    Ok(at.and_then(instant).map(|at| Seen {
        at,
        address: address.and_then(|address| address.parse().ok()),
        user_agent: user_agent.filter(|agent| !agent.is_empty()),
    }))
}

/// Forgets a session that ended. Says whether it was known.
pub async fn forget(redis: &Redis, user: Uuid, session: Uuid) -> Result<bool, StoreError> {
    let session = session.to_string();
    let mut fields = ::redis::cmd("DEL");
    fields.arg(redis.keys().session(&session));
    let mut order = ::redis::cmd("ZREM");
    order.arg(redis.keys().sessions(&user.to_string())).arg(&session);
    let mut answers = redis.all("session_forget", vec![fields, order]).await?.into_iter();
    read::<i64>("session_forget", answers.next().unwrap_or(::redis::Value::Int(0))).map(|removed| removed > 0)
}

fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a score is a whole number of milliseconds below 2^53"
)]
fn instant(milliseconds: f64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds as i64) * 1_000_000).ok()
}
