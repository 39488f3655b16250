//! Revocations: what makes live access tokens invalid before they expire.
//!
//! Each is written twice. As a key of its own, for those who ask about one token (`check`); and into a stream, the feed,
//! from which every instance keeps its own view (`read_all`, then `tail` from the last id). The stream is trimmed to
//! `keep`, the longest life of an access token, so reading it from its beginning *is* the snapshot.
//!
//! A heartbeat keeps the feed alive. Its writer learns from it when the feed is gone (FLUSHALL, a new Redis) and must be
//! filled anew from PostgreSQL. That there is a stream does not say so: the next logout makes one. A mark beside it does,
//! which is set only when everything is in; without it nobody may conclude from silence that a token lives.

use std::time::Duration;

use ::redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use ::redis::{Cmd, Value};
use time::OffsetDateTime;

use super::redis::{Redis, read};
use super::{StoreError, StoreName, scripts};

/// Clocks of Redis and of the instances may differ by so much without an entry going too early.
const CLOCKS_APART: Duration = Duration::from_secs(60);
/// Entries per page of the feed.
const PAGE: usize = 1_000;

/// Which tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One, by its `jti`.
    Jti(String),
    /// Those of a session, by their `sid`.
    Sid(String),
    /// Those a user was issued before an instant.
    User {
        /// The claim `sub`.
        id: String,
        /// The instant.
        valid_after: OffsetDateTime,
    },
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Which tokens.
    pub subject: Subject,
    /// When the last of them is dead anyway, leeway included. To the millisecond, as all times here.
    pub expires_at: OffsetDateTime,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: what [`tail`] continues from.
    pub id: String,
    /// When Redis took it, by its clock.
    pub at: OffsetDateTime,
    /// What it says.
    pub content: Content,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Tokens are revoked.
    Revoked(Revocation),
    /// The feed is alive.
    Heartbeat,
    /// A newer release wrote something this one cannot read.
    Unknown,
}

/// What Redis knows of one token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The token itself, or its session, is revoked.
    pub revoked: bool,
    /// The user's tokens issued before this are outdated.
    pub user_valid_after: Option<OffsetDateTime>,
}

/// Where the feed is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// Everything that was revoked is in it.
    pub complete: bool,
    /// Its last entry; `None`: it is empty.
    pub last: Option<String>,
}

/// Revokes. `keep` is the longest life of an access token. Those that expired already are left out.
pub async fn publish(
    redis: &Redis,
    revocations: &[Revocation],
    keep: Duration,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut commands = Vec::with_capacity(revocations.len() * 2 + 1);
    // The key before the entry: who reads the feed and then asks must not hear "not revoked".
    for revocation in revocations.iter().filter(|revocation| revocation.expires_at > now) {
        commands.push(blacklist(redis, revocation));
        commands.push(append(redis, revocation, keep, now));
    }
    if commands.is_empty() {
        return Ok(());
    }
    commands.push(expire_feed(redis, keep));
    redis.all("revocation_publish", commands).await.map(drop)
}

/// Writes a heartbeat. `false` when there is no feed, or not all of it: fill it from PostgreSQL, then [`open`] it.
pub async fn heartbeat(redis: &Redis, keep: Duration, now: OffsetDateTime) -> Result<bool, StoreError> {
    let complete = expire(redis.keys().revocations_complete(), keep);
    if redis.command::<i64>("revocation_heartbeat", complete).await? == 0 {
        return Ok(false);
    }
    let mut command = ::redis::cmd("XADD");
    command.arg(redis.keys().revocations()).arg("NOMKSTREAM");
    trim(&mut command, keep, now);
    command.arg("*").arg("k").arg("hb");
    let answers = redis
        .all("revocation_heartbeat", vec![command, expire_feed(redis, keep)])
        .await?;
    let id = answers.into_iter().next().unwrap_or(Value::Nil);
    Ok(read::<Option<String>>("revocation_heartbeat", id)?.is_some())
}

/// Marks the feed as complete, after it was filled, and writes its first heartbeat.
pub async fn open(redis: &Redis, keep: Duration, now: OffsetDateTime) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("XADD");
    command.arg(redis.keys().revocations());
    trim(&mut command, keep, now);
    command.arg("*").arg("k").arg("hb");
    let mut complete = ::redis::cmd("SET");
    let life = (keep + CLOCKS_APART).as_millis().to_string();
    complete
        .arg(redis.keys().revocations_complete())
        .arg(1)
        .arg("PX")
        .arg(life);
    redis
        .all("revocation_open", vec![command, expire_feed(redis, keep), complete])
        .await
        .map(drop)
}

/// The whole feed, the oldest entry first.
pub async fn read_all(redis: &Redis) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let from = entries
            .last()
            .map_or_else(|| "-".to_owned(), |last| format!("({}", last.id));
        let mut command = ::redis::cmd("XRANGE");
        command
            .arg(redis.keys().revocations())
            .arg(from)
            .arg("+")
            .arg("COUNT")
            .arg(PAGE);
        let page: StreamRangeReply = redis.command("revocation_read", command).await?;
        let full = page.ids.len() == PAGE;
        entries.extend(page.ids.iter().map(entry));
        if !full {
            return Ok(entries);
        }
    }
}

/// The entries after `id` (`0` for the beginning). Waits for up to `block` when there are none, and may return none.
pub async fn tail(redis: &Redis, id: &str, block: Duration) -> Result<Vec<Entry>, StoreError> {
    let mut command = ::redis::cmd("XREAD");
    // Zero would mean for ever.
    command
        .arg("COUNT")
        .arg(PAGE)
        .arg("BLOCK")
        .arg(block.as_millis().max(1).to_string());
    command.arg("STREAMS").arg(redis.keys().revocations()).arg(id);
    let reply: Option<StreamReadReply> = redis.blocking("revocation_tail", command, block).await?;
    let keys = reply.map(|reply| reply.keys).unwrap_or_default();
    Ok(keys.iter().flat_map(|key| key.ids.iter().map(entry)).collect())
}

/// Asks how far the feed goes. To be asked before it is read: what is complete then is complete in what is read.
pub async fn end(redis: &Redis) -> Result<End, StoreError> {
    let mut last = ::redis::cmd("XREVRANGE");
    last.arg(redis.keys().revocations())
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1);
    let [complete, last] = several(redis, "revocation_end", [mark(redis), last]).await?;
    let last: StreamRangeReply = read("revocation_end", last)?;
    Ok(End {
        complete: read("revocation_end", complete)?,
        last: last.ids.into_iter().next().map(|entry| entry.id),
    })
}

/// Whether entry `id` comes before entry `other`.
pub fn is_before(id: &str, other: &str) -> bool {
    let parts = |id: &str| -> (u64, u64) {
        let (time, number) = id.split_once('-').unwrap_or((id, "0"));
        (time.parse().unwrap_or(0), number.parse().unwrap_or(0))
    };
    parts(id) < parts(other)
}

/// Asks about one token, in one round trip. An answer of a server that does not have the whole feed is none.
pub async fn check(redis: &Redis, jti: &str, sid: &str, user: &str) -> Result<Standing, StoreError> {
    let keys = redis.keys();
    let ask = |key: String| {
        let mut command = ::redis::cmd("GET");
        command.arg(key);
        command
    };
    let questions = [
        ask(keys.blacklist_jti(jti)),
        ask(keys.blacklist_sid(sid)),
        ask(keys.blacklist_user(user)),
        mark(redis),
    ];
    let [jti, sid, user, complete] = several(redis, "revocation_check", questions).await?;
    if !read::<bool>("revocation_check", complete)? {
        return Err(unavailable(
            "revocation_check",
            "the feed of revocations is not complete",
        ));
    }
    Ok(Standing {
        revoked: jti != Value::Nil || sid != Value::Nil,
        user_valid_after: read::<Option<i64>>("revocation_check", user)?.and_then(instant),
    })
}

fn mark(redis: &Redis) -> Cmd {
    let mut command = ::redis::cmd("EXISTS");
    command.arg(redis.keys().revocations_complete());
    command
}

/// Asks several questions in one round trip, of a server that knows the present: a replica that has lost its master answers
/// from the past, and what it did not hear of was not revoked for it.
async fn several<const COUNT: usize>(
    redis: &Redis,
    operation: &'static str,
    questions: [Cmd; COUNT],
) -> Result<[Value; COUNT], StoreError> {
    let mut questions = Vec::from(questions);
    if redis.has_role() {
        questions.push(::redis::cmd("ROLE"));
    }
    let mut answers = match redis.each(operation, questions.clone()).await {
        Err(error) if redis.has_role() && is_about_role(&error) => {
            redis.hides_role();
            questions.pop();
            redis.each(operation, questions).await?
        }
        answers => answers?,
    };
    if answers.len() > COUNT && answers.pop().is_some_and(|role| is_cut_off(&role)) {
        return Err(unavailable(operation, "a replica that has lost its master"));
    }
    answers.try_into().map_err(|_| StoreError::Data {
        store: StoreName::Redis,
        operation,
        cause: format!("not {COUNT} answers"),
    })
}

/// Access control lists without "dangerous" commands leave out `ROLE`, and some services do not have it.
fn is_about_role(error: &StoreError) -> bool {
    let (StoreError::Unavailable { cause, .. } | StoreError::Data { cause, .. }) = error else {
        return false;
    };
    cause.to_ascii_lowercase().contains("'role'")
}

fn is_cut_off(role: &Value) -> bool {
    let Value::Array(role) = role else { return false };
    let is = |index: usize, text: &str| match role.get(index) {
        Some(Value::BulkString(word)) => word == text.as_bytes(),
        Some(Value::SimpleString(word)) => word == text,
        _ => false,
    };
    is(0, "slave") && !is(3, "connected")
}

fn unavailable(operation: &'static str, cause: &str) -> StoreError {
    StoreError::Unavailable {
        store: StoreName::Redis,
        operation,
        cause: cause.to_owned(),
    }
}

fn blacklist(redis: &Redis, revocation: &Revocation) -> Cmd {
    let expires = milliseconds(revocation.expires_at);
    let set = |key: String| {
        let mut command = ::redis::cmd("SET");
        command.arg(key).arg(1).arg("PXAT").arg(expires);
        command
    };
    match &revocation.subject {
        Subject::Jti(jti) => set(redis.keys().blacklist_jti(jti)),
        Subject::Sid(sid) => set(redis.keys().blacklist_sid(sid)),
        Subject::User { id, valid_after } => {
            let mut command = ::redis::cmd("EVAL");
            command
                .arg(scripts::REVOKE_USER)
                .arg(1)
                .arg(redis.keys().blacklist_user(id));
            command.arg(milliseconds(*valid_after)).arg(expires);
            command
        }
    }
}

fn append(redis: &Redis, revocation: &Revocation, keep: Duration, now: OffsetDateTime) -> Cmd {
    let mut command = ::redis::cmd("XADD");
    command.arg(redis.keys().revocations());
    trim(&mut command, keep, now);
    let (kind, id) = match &revocation.subject {
        Subject::Jti(jti) => ("jti", jti),
        Subject::Sid(sid) => ("sid", sid),
        Subject::User { id, .. } => ("user", id),
    };
    command
        .arg("*")
        .arg("k")
        .arg(kind)
        .arg("id")
        .arg(id)
        .arg("exp")
        .arg(milliseconds(revocation.expires_at));
    if let Subject::User { valid_after, .. } = &revocation.subject {
        command.arg("after").arg(milliseconds(*valid_after));
    }
    command
}

fn trim(command: &mut Cmd, keep: Duration, now: OffsetDateTime) {
    command
        .arg("MINID")
        .arg("~")
        .arg(milliseconds(now - keep - CLOCKS_APART).max(0));
}

fn expire_feed(redis: &Redis, keep: Duration) -> Cmd {
    expire(redis.keys().revocations(), keep)
}

fn expire(key: String, keep: Duration) -> Cmd {
    let mut command = ::redis::cmd("PEXPIRE");
    command.arg(key).arg((keep + CLOCKS_APART).as_millis().to_string());
    command
}

fn entry(raw: &StreamId) -> Entry {
    let at = raw
        .id
        .split('-')
        .next()
        .and_then(|text| text.parse().ok())
        .and_then(instant);
    let content = match raw.get::<String>("k").as_deref() {
        Some("hb") => Content::Heartbeat,
        Some(kind) => revocation(raw, kind).map_or(Content::Unknown, Content::Revoked),
        None => Content::Unknown,
    };
    Entry {
        id: raw.id.clone(),
        at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        content,
    }
}

fn revocation(raw: &StreamId, kind: &str) -> Option<Revocation> {
    let id: String = raw.get("id")?;
    let subject = match kind {
        "jti" => Subject::Jti(id),
        "sid" => Subject::Sid(id),
        "user" => Subject::User {
            id,
            valid_after: raw.get("after").and_then(instant)?,
        },
        _ => return None,
    };
    Some(Revocation {
        subject,
        expires_at: raw.get("exp").and_then(instant)?,
    })
}

/// Rounded up: a token issued in the same millisecond before a change is outdated rather than not, and an entry stays
/// rather than goes.
fn milliseconds(at: OffsetDateTime) -> i64 {
    let nanoseconds = at.unix_timestamp_nanos();
    i64::try_from(nanoseconds.div_euclid(1_000_000) + i128::from(nanoseconds.rem_euclid(1_000_000) > 0))
        .unwrap_or(i64::MAX)
}

fn instant(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}
