//! `password_reset_tokens`: what replaces a forgotten password, once.

use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// A token somebody was mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetToken {
    /// Its key.
    pub id: Uuid,
    /// Whose password.
    pub user_id: Uuid,
    /// Who asked.
    pub address: Option<IpAddr>,
    /// When.
    pub created_at: OffsetDateTime,
    /// Until when it works.
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

/// Adds a token, of which only the SHA-256 is kept.
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

/// Finds a token that may still be used.
pub async fn find(
    db: &impl Executor,
    token_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<ResetToken>, StoreError> {
    db.optional(&sql::PASSWORD_RESET_TOKEN_FIND, &[&token_hash.as_slice(), &now])
        .await
}

/// Finds a token that may still be used, and holds it and its user until the transaction ends.
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

/// Finds a token that was used at `since` or later, if the password that was set with it is still the account's.
pub async fn find_used(
    db: &impl Executor,
    token_hash: &[u8; 32],
    since: OffsetDateTime,
) -> Result<Option<ResetToken>, StoreError> {
    db.optional(&sql::PASSWORD_RESET_TOKEN_FIND_USED, &[&token_hash.as_slice(), &since])
        .await
}

/// Uses up every open token of a user.
pub async fn use_all(db: &impl Executor, user_id: Uuid, now: OffsetDateTime) -> Result<u64, StoreError> {
    db.execute(&sql::PASSWORD_RESET_TOKEN_USE_ALL, &[&user_id, &now]).await
}
