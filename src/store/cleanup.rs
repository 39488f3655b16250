//! Removal of rows whose time is over, a batch at a time, by one instance at a time.

use time::OffsetDateTime;

use super::StoreError;
use super::postgres::{Executor, FromRecord, Postgres, Record};
use super::sql::{self, Query};

/// Rows per statement: few enough that none holds its rows for long.
const BATCH: i64 = 1_000;

/// What is old enough to go.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Refresh and reset tokens and invitations that expired, and letters that failed, before this.
    pub tokens: OffsetDateTime,
    /// Events before this.
    pub audit: OffsetDateTime,
    /// Retired keys that expired before this.
    pub keys: OffsetDateTime,
    /// Revocations whose last token expired before this.
    pub revocations: OffsetDateTime,
}

/// How many rows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Reset tokens.
    pub reset_tokens: u64,
    /// Letters that failed.
    pub letters: u64,
    /// Invitations.
    pub invitations: u64,
    /// Events.
    pub audit_logs: u64,
    /// Keys.
    pub signing_keys: u64,
    /// Revocations.
    pub revocations: u64,
}

/// Removes what is old enough. `None` when another instance is at it.
///
/// The lock is held by each batch's transaction, not by the run: an instance that dies in between holds up nobody.
pub async fn run(postgres: &Postgres, before: Before) -> Result<Option<Removed>, StoreError> {
    let Some(refresh_tokens) = remove(postgres, &sql::CLEANUP_REFRESH_TOKENS, before.tokens).await? else {
        return Ok(None);
    };
    Ok(Some(Removed {
        refresh_tokens,
        reset_tokens: remove(postgres, &sql::CLEANUP_PASSWORD_RESET_TOKENS, before.tokens)
            .await?
            .unwrap_or_default(),
        letters: remove(postgres, &sql::CLEANUP_MAIL_QUEUE, before.tokens)
            .await?
            .unwrap_or_default(),
        invitations: remove(postgres, &sql::CLEANUP_INVITATIONS, before.tokens)
            .await?
            .unwrap_or_default(),
        audit_logs: remove(postgres, &sql::CLEANUP_AUDIT_LOGS, before.audit)
            .await?
            .unwrap_or_default(),
        signing_keys: remove(postgres, &sql::CLEANUP_SIGNING_KEYS, before.keys)
            .await?
            .unwrap_or_default(),
        revocations: remove(postgres, &sql::CLEANUP_REVOCATIONS, before.revocations)
            .await?
            .unwrap_or_default(),
    }))
}

async fn remove(postgres: &Postgres, query: &'static Query, before: OffsetDateTime) -> Result<Option<u64>, StoreError> {
    let mut removed = 0;
    loop {
        let tx = postgres.transaction("cleanup").await?;
        let lock: Held = tx.one(&sql::CLEANUP_TRY_LOCK, &[]).await?;
        if !lock.0 {
            tx.rollback().await?;
            return Ok((removed > 0).then_some(removed));
        }
        let batch = tx.execute(query, &[&before, &BATCH]).await?;
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
