//! The last activity of sessions: more recent than in PostgreSQL, which is updated at each refresh only, and without a
//! write to it per request.

use std::net::IpAddr;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use super::redis::{Redis, read};

/// The last activity event of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The time, to the millisecond.
    pub at: OffsetDateTime,
    /// The client IP.
    pub address: Option<IpAddr>,
    /// The user agent.
    pub user_agent: Option<String>,
}

/// An activity event with its user and session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The user's id.
    pub user: Uuid,
    /// The session's id.
    pub session: Uuid,
    /// The event.
    pub seen: Seen,
}

/// The number of sessions per round trip.
const BATCH: usize = 100;

/// Records an activity event, which expires after `ttl` without another.
pub async fn touch(redis: &Redis, user: Uuid, session: Uuid, seen: &Seen, ttl: Duration) -> Result<(), StoreError> {
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1);
    redis
        .all("session_touch", commands(redis, user, session, seen, ttl))
        .await
        .map(drop)
}

/// Records the activity events of many sessions, a hundred per round trip.
pub async fn touch_all(redis: &Redis, signs: &[Sign], ttl: Duration) -> Result<(), StoreError> {
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1);
    for batch in signs.chunks(BATCH) {
        let all = batch
            .iter()
            .flat_map(|sign| commands(redis, sign.user, sign.session, &sign.seen, ttl))
            .collect();
        redis.each("session_touch_all", all).await?;
    }
    Ok(())
}

fn commands(redis: &Redis, user: Uuid, session: Uuid, seen: &Seen, ttl: i64) -> Vec<::redis::Cmd> {
    let (user, session) = (user.to_string(), session.to_string());
    let at = milliseconds(seen.at);
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
    vec![fields, expire(&session_key), order, trim, expire(&user_key)]
}

/// The sessions of a user with a recent activity event, the last one first.
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

type Fields = (Option<f64>, Option<String>, Option<String>);

/// The last activity event of a session.
pub async fn find(redis: &Redis, session: Uuid) -> Result<Option<Seen>, StoreError> {
    let fields = redis.command("session_find_seen", question(redis, session)).await?;
    Ok(seen(fields))
}

/// The last activity events of sessions, in the order of `sessions`.
pub async fn find_all(redis: &Redis, sessions: &[Uuid]) -> Result<Vec<Option<Seen>>, StoreError> {
    let questions = sessions.iter().map(|session| question(redis, *session)).collect();
    let answers = redis.each("session_find_seen", questions).await?;
    answers
        .into_iter()
        .map(|answer| read("session_find_seen", answer).map(seen))
        .collect()
}

fn question(redis: &Redis, session: Uuid) -> ::redis::Cmd {
    let mut command = ::redis::cmd("HMGET");
    command
        .arg(redis.keys().session(&session.to_string()))
        .arg("at")
        .arg("address")
        .arg("user_agent");
    command
}

fn seen((at, address, user_agent): Fields) -> Option<Seen> {
    Some(Seen {
        at: at.and_then(instant)?,
        address: address.and_then(|address| address.parse().ok()),
        user_agent: user_agent.filter(|agent| !agent.is_empty()),
    })
}

/// Removes a session that ended. Returns whether there was an activity event.
pub async fn forget(redis: &Redis, user: Uuid, session: Uuid) -> Result<bool, StoreError> {
    let session = session.to_string();
    let mut fields = ::redis::cmd("DEL");
    fields.arg(redis.keys().session(&session));
    let mut order = ::redis::cmd("ZREM");
    order.arg(redis.keys().sessions(&user.to_string())).arg(&session);
    let mut answers = redis.all("session_forget", vec![fields, order]).await?.into_iter();
    read::<i64>("session_forget", answers.next().unwrap_or(::redis::Value::Int(0))).map(|removed| removed > 0)
}

/// Removes sessions that ended, and the presence of their users unless another session of theirs was active.
pub async fn forget_all(redis: &Redis, sessions: &[Uuid]) -> Result<(), StoreError> {
    let keys = redis.keys();
    for batch in sessions.chunks(BATCH) {
        let owner = |session: &Uuid| {
            let mut command = ::redis::cmd("HGET");
            command.arg(keys.session(&session.to_string())).arg("user");
            command
        };
        let owners = redis
            .each("session_forget_all", batch.iter().map(owner).collect())
            .await?;
        let mut commands = Vec::new();
        let mut users = Vec::new();
        for (session, owner) in batch.iter().zip(owners) {
            // Without an activity event there is nothing to remove.
            let Some(user) = read::<Option<String>>("session_forget_all", owner)? else {
                continue;
            };
            let session = session.to_string();
            let mut fields = ::redis::cmd("DEL");
            fields.arg(keys.session(&session));
            let mut order = ::redis::cmd("ZREM");
            order.arg(keys.sessions(&user)).arg(&session);
            commands.extend([fields, order]);
            if !users.contains(&user) {
                users.push(user);
            }
        }
        let forgotten = commands.len();
        commands.extend(users.iter().map(|user| {
            let mut left = ::redis::cmd("ZCARD");
            left.arg(keys.sessions(user));
            left
        }));
        if commands.is_empty() {
            continue;
        }
        let answers = redis.all("session_forget_all", commands).await?;
        let mut gone = ::redis::cmd("ZREM");
        gone.arg(keys.presence());
        let mut any = false;
        for (user, left) in users.iter().zip(answers.into_iter().skip(forgotten)) {
            if read::<i64>("session_forget_all", left)? == 0 {
                gone.arg(user);
                any = true;
            }
        }
        if any {
            redis.command::<i64>("presence_forget", gone).await?;
        }
    }
    Ok(())
}

pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a score is a whole number of milliseconds below 2^53"
)]
pub(super) fn instant(milliseconds: f64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds as i64) * 1_000_000).ok()
}
