//! Heartbeats: an issuer's statement of how far the feed is complete. `scripts/revocation_heartbeat.lua` says when it
//! is refused.

use std::time::Duration;

use super::wire;
use crate::store::redis::Redis;
use crate::store::{StoreError, StoreName, scripts};

/// The maximum age of a heartbeat when Redis receives it. One that was delayed in a socket says nothing about the
/// present.
const AT_MOST: Duration = Duration::from_secs(1);

/// A heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The time before which every revocation that was committed is in the feed; milliseconds by the clock of Redis,
    /// which was read before PostgreSQL was.
    pub at_ms: i64,
    /// The basis of the statement.
    pub extent: Extent,
    /// Entries by which Redis recognizes the feed that the issuer has read.
    pub proof: Proof<'a>,
    /// The name of this process, unique among issuers.
    pub instance: &'a str,
}

/// The basis of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The outbox was read up to this position, and all of it is in the feed.
    Outbox(i64),
    /// PostgreSQL does not respond, so this issuer cannot have committed anything; all it knows is in the feed. The
    /// heartbeat counts up to the oldest of the last heartbeats of the other issuers.
    Outage(i64),
}

/// Entries that must still be in the feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The newest entry that the issuer knew before it published; without one, the first that it published. It is
    /// missing if the feed was emptied since.
    pub anchor: Option<&'a str>,
    /// The newest entry that it knows now. It is missing if the last writes were lost since.
    pub newest: Option<&'a str>,
}

/// The result of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was appended to the feed.
    Appended,
    /// Another issuer has just stated the same.
    Known,
    /// It was too old when Redis received it.
    Late,
    /// The feed is not the one that this issuer has read: it has to be read again, and filled.
    Lost,
    /// PostgreSQL does not respond, and another issuer, which might be able to reach it, is silent.
    Alone,
}

/// The time of Redis, in milliseconds since 1970: the `at_ms` of the next heartbeat.
pub async fn now_ms(redis: &Redis) -> Result<i64, StoreError> {
    let mut script = scripts::REVOCATION_POSITION.prepare_invoke();
    script.key(redis.keys().revocations()).arg("");
    let (now_ms, _): (i64, i64) = redis.script("revocation_time", script).await?;
    Ok(now_ms)
}

/// Appends a heartbeat, if its statement holds for the feed in Redis.
pub async fn heartbeat(redis: &Redis, statement: &Statement<'_>, keep: Duration) -> Result<Said, StoreError> {
    let keys = redis.keys();
    let (extent, position) = match statement.extent {
        Extent::Outbox(position) => ("all", position),
        Extent::Outage(position) => ("outage", position),
    };
    let mut script = scripts::REVOCATION_HEARTBEAT.prepare_invoke();
    script
        .key(keys.revocations())
        .key(keys.revocations_heartbeat())
        .key(keys.revocations_heartbeats())
        .key(keys.revocations_issuers())
        .arg(statement.at_ms)
        .arg(AT_MOST.as_millis().to_string())
        .arg(statement.proof.anchor.unwrap_or_default())
        .arg(statement.proof.newest.unwrap_or_default())
        .arg(keep.as_millis().to_string())
        .arg(statement.instance)
        .arg(extent)
        .arg(position);
    let answer: Vec<String> = redis.script(OPERATION, script).await?;
    match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ok", id] if wire::is_id(id) => Ok(Said::Appended),
        ["known"] => Ok(Said::Known),
        ["late"] => Ok(Said::Late),
        ["lost"] => Ok(Said::Lost),
        ["alone"] => Ok(Said::Alone),
        _ => Err(StoreError::Data {
            store: StoreName::Redis,
            operation: OPERATION,
            cause: "an answer that the script does not give".to_owned(),
        }),
    }
}

/// Removes an issuer that shuts down: its heartbeats are not waited for any more.
pub async fn forget(redis: &Redis, instance: &str) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("HDEL");
    command.arg(redis.keys().revocations_issuers()).arg(instance);
    redis
        .command::<i64>("revocation_issuer_forget", command)
        .await
        .map(drop)
}

const OPERATION: &str = "revocation_heartbeat";
