//! The tables `totp_factors` and `recovery_codes`: second factors.
//!
//! The caller has locked the user's row, and still each factor is spent by a statement that updates its row only once:
//! if two instances get the same code at the same time, one of them accepts it.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// An authenticator app of a user (TOTP, RFC 6238).
#[derive(Clone, PartialEq, Eq)]
pub struct TotpFactor {
    /// The user's id.
    pub user_id: Uuid,
    /// The encrypted secret.
    pub secret_sealed: Vec<u8>,
    /// When it was added.
    pub created_at: OffsetDateTime,
    /// When the user confirmed it with a code; before that it is not required.
    pub confirmed_at: Option<OffsetDateTime>,
    /// The last time step that was accepted: it and earlier ones are refused.
    pub last_step: Option<i64>,
    /// When that step was accepted.
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

/// Finds the authenticator app of a user, also an unconfirmed one.
pub async fn find(db: &impl Executor, user_id: Uuid) -> Result<Option<TotpFactor>, StoreError> {
    db.optional(&sql::TOTP_FACTOR_FIND, &[&user_id]).await
}

/// Adds an unconfirmed authenticator app, which replaces another unconfirmed one; `false` if there is a confirmed one.
pub async fn put(
    tx: &Transaction,
    user_id: Uuid,
    secret_sealed: &[u8],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_PUT, &[&user_id, &secret_sealed, &now])
        .await
}

/// Confirms the authenticator app, and spends the time step of the code that confirmed it.
pub async fn confirm(tx: &Transaction, user_id: Uuid, step: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_CONFIRM, &[&user_id, &step, &now]).await
}

/// Spends a time step; `false` if it or a later one was spent before.
pub async fn spend(tx: &Transaction, user_id: Uuid, step: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_SPEND, &[&user_id, &step, &now]).await
}

/// Deletes the authenticator app.
pub async fn delete(tx: &Transaction, user_id: Uuid) -> Result<bool, StoreError> {
    tx.touched(&sql::TOTP_FACTOR_DELETE, &[&user_id]).await
}

/// Replaces all recovery codes of a user.
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

/// A recovery code that was not used.
pub struct RecoveryCode {
    /// The id of its row.
    pub id: Uuid,
    /// The encrypted SHA-256 of the code.
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

/// The unused recovery codes of a user.
pub async fn recovery_codes(db: &impl Executor, user_id: Uuid) -> Result<Vec<RecoveryCode>, StoreError> {
    db.many(&sql::RECOVERY_CODE_LIST, &[&user_id]).await
}

/// Spends a recovery code; `false` if it was used or replaced meanwhile.
pub async fn spend_recovery_code(tx: &Transaction, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::RECOVERY_CODE_SPEND, &[&id, &now]).await
}

/// Removes all recovery codes.
pub async fn delete_recovery_codes(tx: &Transaction, user_id: Uuid) -> Result<bool, StoreError> {
    tx.touched(&sql::RECOVERY_CODE_DELETE_ALL, &[&user_id]).await
}

/// The number of unused recovery codes.
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
