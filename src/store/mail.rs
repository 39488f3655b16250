//! `mail_queue`: letters that wait to be sent.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::Executor;
use super::{StoreError, sql};

/// A letter to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewLetter<'a> {
    /// From [`super::id::new`].
    pub id: Uuid,
    /// Which one.
    pub letter: &'a str,
    /// Whom it concerns.
    pub user_id: Option<Uuid>,
    /// Recipient and data, sealed: they hold codes and links.
    pub payload_sealed: &'a [u8],
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// After this it is not worth sending.
    pub expires_at: OffsetDateTime,
}

/// Queues a letter.
pub async fn insert(db: &impl Executor, letter: &NewLetter<'_>) -> Result<(), StoreError> {
    db.execute(
        &sql::MAIL_INSERT,
        &[
            &letter.id,
            &letter.letter,
            &letter.user_id,
            &letter.payload_sealed,
            &letter.created_at,
            &letter.expires_at,
        ],
    )
    .await
    .map(drop)
}
