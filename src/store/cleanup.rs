//! Deletes expired rows, a batch at a time, on one instance at a time.

use std::time::Duration;

use time::OffsetDateTime;

use super::StoreError;
use super::postgres::{Executor, FromRecord, Params, Postgres, Record};
use super::sql::{self, Query};

/// The number of rows per statement: few enough that no statement locks its rows for long.
const BATCH: i64 = 1_000;

/// The times before which rows are deleted.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Sessions that ended, reset tokens and invitations that expired, and messages that failed, before this time.
    pub tokens: OffsetDateTime,
    /// Refresh tokens that expired before this time; their sessions end. It allows for the time in which a response can
    /// be requested again.
    pub refresh_tokens: OffsetDateTime,
    /// Devices that were last seen before this time.
    pub devices: OffsetDateTime,
    /// Revocations whose tokens all expired before this time.
    pub revocations: OffsetDateTime,
    /// Audit entries from before this time.
    pub audit: OffsetDateTime,
    /// Retired keys that expired before this time.
    pub keys: OffsetDateTime,
}

/// How long an expired refresh token is stored: longer than the grace period in which its response can be requested
/// again.
const REFRESH_TOKEN: Duration = Duration::from_secs(3600);
/// How long a device is stored after it was last seen: as long as a browser keeps its device token.
const DEVICE: Duration = Duration::from_secs(400 * 86_400);
/// How long an expired revocation is stored: for an instance whose clock is slow, its tokens have not expired yet.
const REVOCATION: Duration = Duration::from_secs(3600);

impl Before {
    /// Computes the times from the configured retention of tokens and of the audit log.
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

/// Which stored responses to refreshes are deleted.
#[derive(Debug, Clone, Copy)]
pub struct Responses {
    /// Those of tokens that were issued before this time.
    pub issued_before: OffsetDateTime,
    /// The lifetime of a refresh token.
    pub ttl: Duration,
    /// How far to look back.
    pub within: Duration,
}

/// The numbers of deleted rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Ended sessions.
    pub sessions: u64,
    /// Expired refresh tokens.
    pub refresh_tokens: u64,
    /// Devices.
    pub devices: u64,
    /// Revocations.
    pub revocations: u64,
    /// Reset tokens.
    pub reset_tokens: u64,
    /// Messages that could not be delivered.
    pub messages: u64,
    /// Invitations.
    pub invitations: u64,
    /// Audit entries.
    pub audit_logs: u64,
    /// Keys.
    pub signing_keys: u64,
}

/// Deletes expired rows. `None` when another instance is doing it.
///
/// The lock belongs to the transaction of each batch and not to the run, so that an instance that dies blocks nobody.
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

/// Deletes stored responses to refreshes, and returns how many.
pub async fn forget_responses(postgres: &Postgres, responses: Responses) -> Result<u64, StoreError> {
    let until = responses.issued_before + responses.ttl;
    let (issued_before, from) = (responses.issued_before, until - responses.within);
    let query = &sql::CLEANUP_REFRESH_RESPONSES;
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
