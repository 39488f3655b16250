//! Reads the feed: first page by page, then what is appended.

use std::time::Duration;

use ::redis::streams::{StreamRangeReply, StreamReadReply};

use super::entry::Entry;
use super::wire;
use crate::store::redis::Redis;
use crate::store::{StoreError, scripts};

/// The number of entries per response.
const PAGE: usize = 1_000;

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its entries, the oldest first, without the one that it continues from.
    pub entries: Vec<Entry>,
    /// Whether there may be more.
    pub more: bool,
}

/// The entries that were appended to the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The entries, the oldest first; empty if the call timed out.
    pub entries: Vec<Entry>,
    /// The number of the connection they were read on, which changes when it is replaced.
    pub connection: u64,
}

/// The state of the feed for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Milliseconds since 1970 by the clock of Redis.
    pub now_ms: i64,
    /// Whether the given entry is still there, and so all that was read before.
    pub continues: bool,
    /// The number of the connection that was used.
    pub connection: u64,
}

/// The next page after entry `last`; `None` if `last` is no longer there, so that the feed has to be read from the
/// beginning.
pub async fn next_page(redis: &Redis, last: Option<&str>) -> Result<Option<Page>, StoreError> {
    let mut command = ::redis::cmd("XRANGE");
    command
        .arg(redis.keys().revocations())
        .arg(last.unwrap_or("-"))
        .arg("+")
        .arg("COUNT")
        .arg(PAGE);
    let page: StreamRangeReply = redis.command("revocation_read", command).await?;
    let more = page.ids.len() == PAGE;
    let mut entries: Vec<Entry> = page.ids.iter().map(wire::entry).collect();
    if let Some(last) = last {
        // The page begins with the entry that it continues from, which proves that both are of the same feed.
        if entries.first().is_none_or(|first| first.id != last) {
            return Ok(None);
        }
        entries.remove(0);
    }
    Ok(Some(Page { entries, more }))
}

/// The entries after `last` (`None`: from the beginning). If there are none, waits for up to `block`, and can return
/// none.
///
/// Whether `last` itself is still there has to be checked with [`position`] afterwards.
pub async fn tail(redis: &Redis, last: Option<&str>, block: Duration) -> Result<Tail, StoreError> {
    let mut command = ::redis::cmd("XREAD");
    // Zero would mean forever.
    command
        .arg("COUNT")
        .arg(PAGE)
        .arg("BLOCK")
        .arg(block.as_millis().max(1).to_string());
    command
        .arg("STREAMS")
        .arg(redis.keys().revocations())
        .arg(last.unwrap_or("0"));
    let (reply, connection) = redis
        .blocking::<Option<StreamReadReply>>("revocation_tail", command, block)
        .await?;
    let keys = reply.map(|reply| reply.keys).unwrap_or_default();
    Ok(Tail {
        entries: keys.iter().flat_map(|key| key.ids.iter().map(wire::entry)).collect(),
        connection,
    })
}

/// The time of the server that the feed is read from, and whether entry `last` is still there (`None`: nothing to
/// check). Uses the connection of [`tail`], so that the same server answers.
pub async fn position(redis: &Redis, last: Option<&str>) -> Result<Position, StoreError> {
    let mut script = scripts::REVOCATION_POSITION.prepare_invoke();
    script.key(redis.keys().revocations()).arg(last.unwrap_or_default());
    let ((now_ms, found), connection) = redis.tail_script::<(i64, i64)>("revocation_position", script).await?;
    Ok(Position {
        now_ms,
        continues: found == 1,
        connection,
    })
}
