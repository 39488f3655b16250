//! The table `mail_queue`: messages to be sent.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// A message to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// From [`super::id::new`].
    pub id: Uuid,
    /// The name of the message.
    pub message: &'a str,
    /// The account, which the message is deleted with.
    pub user_id: Option<Uuid>,
    /// The encrypted recipient and data, because they contain codes and links.
    pub payload_sealed: &'a [u8],
    /// When it was queued.
    pub created_at: OffsetDateTime,
    /// When it expires and is no longer sent.
    pub expires_at: OffsetDateTime,
}

/// A message that a worker took to send it. `attempts`, which is incremented each time, tells which worker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The id of its row.
    pub id: Uuid,
    /// The name of the message.
    pub message: String,
    /// The account, which the message is deleted with.
    pub user_id: Option<Uuid>,
    /// The encrypted recipient and data.
    pub payload_sealed: Vec<u8>,
    /// When it was queued.
    pub created_at: OffsetDateTime,
    /// When it expires and is no longer sent.
    pub expires_at: OffsetDateTime,
    /// The number of this attempt, from 1.
    pub attempts: u32,
}

impl FromRecord for Queued {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            message: record.get("message")?,
            user_id: record.get("user_id")?,
            payload_sealed: record.get("payload_sealed")?,
            created_at: record.get("created_at")?,
            expires_at: record.get("expires_at")?,
            attempts: u32::try_from(record.get::<i32>("attempts")?).unwrap_or_default(),
        })
    }
}

/// Queues a message.
pub async fn insert(db: &impl Executor, message: &NewMessage<'_>) -> Result<(), StoreError> {
    db.execute(
        &sql::MAIL_INSERT,
        &[
            &message.id,
            &message.message,
            &message.user_id,
            &message.payload_sealed,
            &message.created_at,
            &message.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// Takes messages that are due. No other worker gets them before `lease`.
pub async fn take(
    db: &impl Executor,
    now: OffsetDateTime,
    lease: OffsetDateTime,
    limit: usize,
) -> Result<Vec<Queued>, StoreError> {
    db.many(
        &sql::MAIL_TAKE,
        &[&now, &lease, &i64::try_from(limit).unwrap_or(i64::MAX)],
    )
    .await
}

/// Removes a message that was sent.
pub async fn delete(db: &impl Executor, id: Uuid) -> Result<(), StoreError> {
    db.execute(&sql::MAIL_DELETE, &[&id]).await.map(drop)
}

/// Schedules a retry, unless another worker took the message meanwhile.
pub async fn retry(
    db: &impl Executor,
    message: &Queued,
    next_attempt_at: OffsetDateTime,
    last_error: &str,
) -> Result<bool, StoreError> {
    let attempts = i32::try_from(message.attempts).unwrap_or(i32::MAX);
    db.touched(
        &sql::MAIL_RETRY,
        &[&message.id, &attempts, &next_attempt_at, &last_error],
    )
    .await
}

/// Marks a message as failed, unless another worker took it meanwhile. Its content is deleted; the row is kept for a
/// while.
pub async fn fail(
    db: &impl Executor,
    message: &Queued,
    last_error: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let attempts = i32::try_from(message.attempts).unwrap_or(i32::MAX);
    db.touched(&sql::MAIL_FAIL, &[&message.id, &attempts, &now, &last_error])
        .await
}

/// The number of messages to be sent.
pub async fn count_waiting(db: &impl Executor) -> Result<i64, StoreError> {
    db.one::<Waiting>(&sql::MAIL_COUNT_WAITING, &[])
        .await
        .map(|waiting| waiting.0)
}

struct Waiting(i64);

impl FromRecord for Waiting {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("waiting").map(Self)
    }
}
