//! The table `password_reset_tokens`.

use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// A token that was sent by email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetToken {
    /// Its key.
    pub id: Uuid,
    /// The user's id.
    pub user_id: Uuid,
    /// The client IP of the request.
    pub address: Option<IpAddr>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

impl FromRecord for ResetToken {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            user_id: record.get("user_id")?,
            address: record.get("address")?,
            created_at: record.get("created_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// Inserts a token, of which only the SHA-256 is stored.
pub async fn insert(db: &impl Executor, token: &ResetToken, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    db.execute(
        &sql::PASSWORD_RESET_TOKEN_INSERT,
        &[
            &token.id,
            &token_hash.as_slice(),
            &token.user_id,
            &token.address,
            &token.created_at,
            &token.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// Finds a valid token.
pub async fn find(
    db: &impl Executor,
    token_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<ResetToken>, StoreError> {
    db.optional(&sql::PASSWORD_RESET_TOKEN_FIND, &[&token_hash.as_slice(), &now])
        .await
}

/// Finds a valid token, and locks it and its user until the transaction ends.
pub async fn find_for_update(
    tx: &Transaction,
    token_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<ResetToken>, StoreError> {
    tx.optional(
        &sql::PASSWORD_RESET_TOKEN_FIND_FOR_UPDATE,
        &[&token_hash.as_slice(), &now],
    )
    .await
}

/// Finds a token that was used at `since` or later, if the password that was set with it is still current.
pub async fn find_used(
    db: &impl Executor,
    token_hash: &[u8; 32],
    since: OffsetDateTime,
) -> Result<Option<ResetToken>, StoreError> {
    db.optional(&sql::PASSWORD_RESET_TOKEN_FIND_USED, &[&token_hash.as_slice(), &since])
        .await
}

/// Marks every open token of a user as used.
pub async fn use_all(db: &impl Executor, user_id: Uuid, now: OffsetDateTime) -> Result<u64, StoreError> {
    db.execute(&sql::PASSWORD_RESET_TOKEN_USE_ALL, &[&user_id, &now]).await
}
