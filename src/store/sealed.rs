//! Columns with sealed (encrypted) values, for `sidegate secrets reseal`: the caller reads a page, decrypts and
//! encrypts the values, and writes those that were not changed meanwhile.

use time::OffsetDateTime;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::sql::{self, Query};
use super::{Postgres, StoreError};

/// The first page of a column with UUIDs begins after this id.
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// A column with sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// `signing_keys.private_sealed`
    SigningKeys,
    /// `totp_factors.secret_sealed`
    TotpFactors,
    /// `recovery_codes.digest_sealed`
    RecoveryCodes,
    /// `mail_queue.payload_sealed`
    MailQueue,
}

impl SealedColumn {
    /// All columns.
    pub const ALL: [Self; 4] = [
        Self::SigningKeys,
        Self::TotpFactors,
        Self::RecoveryCodes,
        Self::MailQueue,
    ];

    /// The name of the table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_keys",
            Self::TotpFactors => "totp_factors",
            Self::RecoveryCodes => "recovery_codes",
            Self::MailQueue => "mail_queue",
        }
    }

    /// The id after which the first [`page`] begins.
    pub fn start(self) -> String {
        match self {
            Self::SigningKeys => String::new(),
            Self::TotpFactors | Self::RecoveryCodes | Self::MailQueue => NIL.to_owned(),
        }
    }

    const fn list(self) -> &'static Query {
        match self {
            Self::SigningKeys => &sql::SIGNING_KEY_LIST_SEALED,
            Self::TotpFactors => &sql::TOTP_FACTOR_LIST_SEALED,
            Self::RecoveryCodes => &sql::RECOVERY_CODE_LIST_SEALED,
            Self::MailQueue => &sql::MAIL_LIST_SEALED,
        }
    }

    const fn reseal(self) -> &'static Query {
        match self {
            Self::SigningKeys => &sql::SIGNING_KEY_RESEAL,
            Self::TotpFactors => &sql::TOTP_FACTOR_RESEAL,
            Self::RecoveryCodes => &sql::RECOVERY_CODE_RESEAL,
            Self::MailQueue => &sql::MAIL_RESEAL,
        }
    }
}

/// A sealed value and its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The id of its row.
    pub id: String,
    /// The context that it is bound to (associated data): it can only be decrypted with it.
    pub context: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

impl FromRecord for SealedValue {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            context: record.get("context")?,
            sealed: record.get("sealed")?,
        })
    }
}

/// The next values after the id `after`, at most `limit`.
pub async fn page(
    db: &impl Executor,
    column: SealedColumn,
    after: &str,
    limit: i64,
) -> Result<Vec<SealedValue>, StoreError> {
    db.many(column.list(), &[&after, &limit]).await
}

/// Replaces `stored[n]` by `fresh[n]`, and returns how many were replaced: values that changed since they were read, or
/// are locked, are skipped.
pub async fn replace(
    tx: &Transaction,
    column: SealedColumn,
    stored: &[SealedValue],
    fresh: &[Vec<u8>],
) -> Result<u64, StoreError> {
    let ids: Vec<&str> = stored.iter().map(|value| &*value.id).collect();
    let before: Vec<&[u8]> = stored.iter().map(|value| &*value.sealed).collect();
    tx.execute(column.reseal(), &[&ids, &before, &fresh]).await
}

/// Locks the command until the transaction ends; `false` if another instance holds the lock.
pub async fn try_lock(tx: &Transaction) -> Result<bool, StoreError> {
    let held: Held = tx.one(&sql::RESEAL_TRY_LOCK, &[]).await?;
    Ok(held.0)
}

/// When all values were encrypted with the secret of this key id for the first time, according to the audit log.
pub async fn first_resealed_at(postgres: &Postgres, key_id: &str) -> Result<Option<OffsetDateTime>, StoreError> {
    let first: First = postgres.one(&sql::AUDIT_FIND_FIRST_RESEAL, &[&key_id]).await?;
    Ok(first.0)
}

struct Held(bool);

impl FromRecord for Held {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("held").map(Self)
    }
}

struct First(Option<OffsetDateTime>);

impl FromRecord for First {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("at").map(Self)
    }
}
