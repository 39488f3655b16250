//! Heartbeats: an issuer's statement of how far the feed is complete. `scripts/revocation_heartbeat.lua` says when it
//! is refused.

use std::time::Duration;

use super::wire;
use crate::store::redis::Redis;
use crate::store::{StoreError, StoreName, scripts};

/// How old a statement may be when Redis takes it. One that waited longer in a socket says nothing of the present.
const AT_MOST: Duration = Duration::from_secs(1);

/// What an issuer states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The instant before which every revocation that was committed is in the feed; milliseconds by the clock of Redis,
    /// read before PostgreSQL was.
    pub at_ms: i64,
    /// What it is based on.
    pub extent: Extent,
    /// How Redis can tell that its feed is the one that is meant.
    pub proof: Proof<'a>,
    /// The name of this process among the issuers.
    pub instance: &'a str,
}

/// What a statement is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The outbox was read up to this position, and all of it is in the feed.
    Outbox(i64),
    /// PostgreSQL does not answer, so this issuer cannot have committed anything; all it knows of is in the feed. It
    /// counts as far as every other issuer has said something.
    Outage(i64),
}

/// Entries that must still be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The newest entry that the issuer knew of before it published; without one, the first that it published. If the
    /// feed was emptied since, it is gone.
    pub anchor: Option<&'a str>,
    /// The newest entry that it knows of now. If the last writes were lost since, it is gone.
    pub newest: Option<&'a str>,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is in the feed.
    Appended,
    /// Another issuer said as much just now.
    Known,
    /// It was too old when it came.
    Late,
    /// The feed is not the one that this issuer has read: it must be read anew, and filled.
    Lost,
    /// PostgreSQL does not answer and another issuer, which may be reaching it, is silent.
    Alone,
}

/// The time of Redis, in milliseconds since 1970: what a statement begins with.
pub async fn now_ms(redis: &Redis) -> Result<i64, StoreError> {
    let mut script = scripts::REVOCATION_POSITION.prepare_invoke();
    script.key(redis.keys().revocations()).arg("");
    let (now_ms, _): (i64, i64) = redis.script("revocation_time", script).await?;
    Ok(now_ms)
}

/// Appends a heartbeat, if what it states is true where it arrives.
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

/// Forgets an issuer that ends: nobody waits for its statements any more.
pub async fn forget(redis: &Redis, instance: &str) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("HDEL");
    command.arg(redis.keys().revocations_issuers()).arg(instance);
    redis
        .command::<i64>("revocation_issuer_forget", command)
        .await
        .map(drop)
}

const OPERATION: &str = "revocation_heartbeat";
