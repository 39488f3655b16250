//! `totp_factors`, `recovery_codes`: what proves a person beside the password.
//!
//! Whoever spends one holds the user's row, and still each is spent by a statement that touches a row once: two
//! instances that are given one code at the same moment accept it once.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// An authenticator.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpFactor {
    /// Whose.
    pub user_id: Uuid,
    /// Its secret, sealed.
    pub secret_sealed: Vec<u8>,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// When the person proved to have it; before that it asks for nothing.
    pub confirmed_at: Option<OffsetDateTime>,
    /// The last time step accepted.
    pub last_step: Option<i64>,
    /// When that was.
    pub last_used_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for TotpFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpFactor")
            .field("user_id", &self.user_id)
            .field("confirmed_at", &self.confirmed_at)
            .finish_non_exhaustive()
    }
}

impl FromRecord for TotpFactor {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: record.get("user_id")?,
            secret_sealed: record.get("secret_sealed")?,
            created_at: record.get("created_at")?,
            confirmed_at: record.get("confirmed_at")?,
            last_step: record.get("last_step")?,
            last_used_at: record.get("last_used_at")?,
        })
    }
}

/// Finds the authenticator of a user, also one that was not confirmed.
pub async fn find(db: &impl Executor, user_id: Uuid) -> Result<Option<TotpFactor>, StoreError> {
    db.optional(&sql::TOTP_FACTOR_FIND, &[&user_id]).await
}

/// Begins an authenticator, in the place of an unconfirmed one; `false` when there is a confirmed one.
pub async fn put(
    tx: &Transaction,
    user_id: Uuid,
    secret_sealed: &[u8],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_PUT, &[&user_id, &secret_sealed, &now])
        .await
}

/// Confirms it, and spends the step that proved it.
pub async fn confirm(tx: &Transaction, user_id: Uuid, step: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_CONFIRM, &[&user_id, &step, &now]).await
}

/// Spends a step; `false` when it, or a later one, was spent before.
pub async fn spend(tx: &Transaction, user_id: Uuid, step: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_SPEND, &[&user_id, &step, &now]).await
}

/// Removes it.
pub async fn delete(tx: &Transaction, user_id: Uuid) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_DELETE, &[&user_id]).await
}

/// Puts new recovery codes in the place of all that there were.
pub async fn replace_recovery_codes(
    tx: &Transaction,
    user_id: Uuid,
    digests_sealed: &[Vec<u8>],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    delete_recovery_codes(tx, user_id).await?;
    let ids: Vec<Uuid> = digests_sealed.iter().map(|_| super::id::new(now)).collect();
    tx.execute(&sql::RECOVERY_CODE_INSERT_ALL, &[&user_id, &ids, &digests_sealed, &now])
        .await
        .map(drop)
}

/// A recovery code that was not used yet.
pub struct RecoveryCode {
    /// Its row.
    pub id: Uuid,
    /// The SHA-256 of the code, sealed.
    pub digest_sealed: Vec<u8>,
}

impl FromRecord for RecoveryCode {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            digest_sealed: record.get("digest_sealed")?,
        })
    }
}

/// The recovery codes of a user that may still be used.
pub async fn recovery_codes(db: &impl Executor, user_id: Uuid) -> Result<Vec<RecoveryCode>, StoreError> {
    db.many(&sql::RECOVERY_CODE_LIST, &[&user_id]).await
}

/// Spends a recovery code; `false` when it was spent or replaced meanwhile.
pub async fn spend_recovery_code(tx: &Transaction, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::RECOVERY_CODE_SPEND, &[&id, &now]).await
}

/// Removes all recovery codes.
pub async fn delete_recovery_codes(tx: &Transaction, user_id: Uuid) -> Result<bool, StoreError> {
    tx.touched(&sql::RECOVERY_CODE_DELETE_ALL, &[&user_id]).await
}

/// How many recovery codes may still be used.
pub async fn count_recovery_codes(db: &impl Executor, user_id: Uuid) -> Result<i64, StoreError> {
    let count: Unused = db.one(&sql::RECOVERY_CODE_COUNT, &[&user_id]).await?;
    Ok(count.0)
}

struct Unused(i64);

impl FromRecord for Unused {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("unused").map(Self)
    }
}
