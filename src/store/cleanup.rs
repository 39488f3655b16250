//! Removal of rows whose time is over, a batch at a time, by one instance at a time.

use std::time::Duration;

use time::OffsetDateTime;

use super::StoreError;
use super::postgres::{Executor, FromRecord, Params, Postgres, Record};
use super::sql::{self, Query};

/// Rows per statement: few enough that none holds its rows for long.
const BATCH: i64 = 1_000;

/// What is old enough to go.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Ended sessions, and reset tokens and invitations that expired, and messages that failed, before this.
    pub tokens: OffsetDateTime,
    /// Refresh tokens that expired before this; their sessions end. Later than any answer may be asked for again.
    pub refresh_tokens: OffsetDateTime,
    /// Devices that were not seen since this.
    pub devices: OffsetDateTime,
    /// Revocations of which every token expired before this.
    pub revocations: OffsetDateTime,
    /// Audit entries before this.
    pub audit: OffsetDateTime,
    /// Retired keys that expired before this.
    pub keys: OffsetDateTime,
}

/// How long an expired refresh token stays: longer than the grace in which its answer may be asked for again.
const REFRESH_TOKEN: Duration = Duration::from_secs(3600);
/// How long a device stays that was not seen: as long as a browser keeps its device token.
const DEVICE: Duration = Duration::from_secs(400 * 86_400);
/// How long an expired revocation stays: an instance whose clock is behind takes its tokens for live.
const REVOCATION: Duration = Duration::from_secs(3600);

impl Before {
    /// By the configured retention of tokens and of the audit log.
    pub fn at(now: OffsetDateTime, tokens: Duration, audit: Duration) -> Self {
        Self {
            tokens: now - tokens,
            refresh_tokens: now - REFRESH_TOKEN,
            devices: now - DEVICE,
            revocations: now - REVOCATION,
            audit: now - audit,
            keys: now,
        }
    }
}

/// Which answers to refreshes nobody may be given again.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    /// Those of tokens issued before this.
    pub issued_before: OffsetDateTime,
    /// How long a refresh token lives.
    pub ttl: Duration,
    /// How far back to look.
    pub within: Duration,
}

/// How many rows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Sessions that had ended.
    pub sessions: u64,
    /// Refresh tokens that had expired.
    pub refresh_tokens: u64,
    /// Devices.
    pub devices: u64,
    /// Revocations.
    pub revocations: u64,
    /// Reset tokens.
    pub reset_tokens: u64,
    /// Messages that failed.
    pub messages: u64,
    /// Invitations.
    pub invitations: u64,
    /// Audit entries.
    pub audit_logs: u64,
    /// Keys.
    pub signing_keys: u64,
}

/// Removes what is old enough. `None` when another instance is at it.
///
/// The lock is held by each batch's transaction, not by the run: an instance that dies in between holds up nobody.
pub async fn run(postgres: &Postgres, before: Before) -> Result<Option<Removed>, StoreError> {
    let Some(refresh_tokens) = remove(postgres, &sql::CLEANUP_REFRESH_TOKENS, before.refresh_tokens).await? else {
        return Ok(None);
    };
    let rest = async |query, before| Ok::<_, StoreError>(remove(postgres, query, before).await?.unwrap_or_default());
    Ok(Some(Removed {
        refresh_tokens,
        sessions: rest(&sql::CLEANUP_SESSIONS, before.tokens).await?,
        devices: rest(&sql::CLEANUP_DEVICES, before.devices).await?,
        revocations: rest(&sql::CLEANUP_REVOCATIONS, before.revocations).await?,
        reset_tokens: rest(&sql::CLEANUP_PASSWORD_RESET_TOKENS, before.tokens).await?,
        messages: rest(&sql::CLEANUP_MAIL_QUEUE, before.tokens).await?,
        invitations: rest(&sql::CLEANUP_INVITATIONS, before.tokens).await?,
        audit_logs: rest(&sql::CLEANUP_AUDIT_LOGS, before.audit).await?,
        signing_keys: rest(&sql::CLEANUP_SIGNING_KEYS, before.keys).await?,
    }))
}

/// Forgets answers to refreshes; returns how many.
pub async fn forget_answers(postgres: &Postgres, answers: Answers) -> Result<u64, StoreError> {
    let until = answers.issued_before + answers.ttl;
    let (issued_before, from) = (answers.issued_before, until - answers.within);
    let query = &sql::CLEANUP_REFRESH_ANSWERS;
    Ok(in_batches(postgres, query, &[&issued_before, &from, &until, &BATCH])
        .await?
        .unwrap_or_default())
}

async fn remove(postgres: &Postgres, query: &'static Query, before: OffsetDateTime) -> Result<Option<u64>, StoreError> {
    in_batches(postgres, query, &[&before, &BATCH]).await
}

async fn in_batches(
    postgres: &Postgres,
    query: &'static Query,
    params: &Params<'_>,
) -> Result<Option<u64>, StoreError> {
    let mut removed = 0;
    loop {
        let tx = postgres.transaction("cleanup").await?;
        let lock: Held = tx.one(&sql::CLEANUP_TRY_LOCK, &[]).await?;
        if !lock.0 {
            tx.rollback().await?;
            return Ok((removed > 0).then_some(removed));
        }
        let batch = tx.execute(query, params).await?;
        tx.commit().await?;
        removed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(Some(removed));
        }
    }
}

struct Held(bool);

impl FromRecord for Held {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("held").map(Self)
    }
}
