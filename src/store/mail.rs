//! `mail_queue`: messages that wait to be sent.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// A message to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// From [`super::id::new`].
    pub id: Uuid,
    /// Which one.
    pub message: &'a str,
    /// Whom it concerns.
    pub user_id: Option<Uuid>,
    /// Recipient and data, sealed: they hold codes and links.
    pub payload_sealed: &'a [u8],
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// After this it is not worth sending.
    pub expires_at: OffsetDateTime,
}

/// A message that was taken out of the queue to be sent. Who holds it is told by `attempts`, which each taking raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its key.
    pub id: Uuid,
    /// Which one.
    pub message: String,
    /// Whom it concerns.
    pub user_id: Option<Uuid>,
    /// Recipient and data.
    pub payload_sealed: Vec<u8>,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// After this it is not worth sending.
    pub expires_at: OffsetDateTime,
    /// The how-manieth try this is.
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

/// Takes messages that are due. Nobody else gets them before `lease`.
pub async fn take(
    db: &impl Executor,
    now: OffsetDateTime,
    lease: OffsetDateTime,
    limit: u32,
) -> Result<Vec<Queued>, StoreError> {
    db.many(&sql::MAIL_TAKE, &[&now, &lease, &i64::from(limit)]).await
}

/// Removes a message that was sent.
pub async fn delete(db: &impl Executor, id: Uuid) -> Result<(), StoreError> {
    db.execute(&sql::MAIL_DELETE, &[&id]).await.map(drop)
}

/// Puts a message back for another try, unless somebody else took it meanwhile.
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

/// Gives a message up, unless somebody else took it meanwhile. What it said goes; that it failed stays for a while.
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

/// How many messages wait.
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
