//! Imports accounts from another system, in batches.

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::audit::Event;
use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, id, sql};

/// An account to be imported. Everything in it was validated.
#[derive(Clone, Serialize)]
pub struct Incoming {
    /// The id from the other system, or a new one.
    pub id: Uuid,
    /// Canonical.
    pub email: String,
    /// Canonical.
    pub username: Option<String>,
    /// A password hash of any supported algorithm.
    pub password_hash: Option<String>,
    /// The claim `roles`.
    pub roles: Vec<String>,
    /// The claim `permissions`.
    pub permissions: Vec<String>,
    /// The profile.
    pub profile: Map<String, Value>,
    /// When the email address was verified, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub email_verified_at: Option<OffsetDateTime>,
    /// When the account was created, here or in the other system.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Without the hash and personal data, as for a `User`.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("id", &self.id).finish_non_exhaustive()
    }
}

struct Created(Uuid);

impl FromRecord for Created {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self(record.get("id")?))
    }
}

/// Creates the accounts whose id, email address and username are not taken, and returns their ids.
pub async fn create(db: &impl Executor, accounts: &[Incoming], now: OffsetDateTime) -> Result<Vec<Uuid>, StoreError> {
    let created = db.many(&sql::USER_IMPORT, &[&Json(accounts), &now]).await?;
    Ok(created.into_iter().map(|Created(id)| id).collect())
}

/// Inserts an audit entry for each.
pub async fn note(db: &impl Executor, created: &[Uuid], now: OffsetDateTime) -> Result<(), StoreError> {
    let ids = created.iter().map(|_| id::new(now)).collect::<Vec<_>>();
    let event = Event::UserImported.as_str();
    db.execute(&sql::AUDIT_INSERT_MANY, &[&ids, &created, &now, &event])
        .await
        .map(drop)
}

/// An existing account with an id, email address or username of an imported one.
#[derive(Clone)]
pub struct Holder {
    /// Its id.
    pub id: Uuid,
    /// Its email address.
    pub email: String,
    /// Its username.
    pub username: Option<String>,
    /// Whether it is deleted: its email address and username are free again, its id is not.
    pub is_deleted: bool,
}

impl FromRecord for Holder {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            email: record.get("email")?,
            username: record.get("username")?,
            is_deleted: record.get("is_deleted")?,
        })
    }
}

/// Finds the existing accounts that conflict with imported ones.
pub async fn holders<'a>(
    db: &impl Executor,
    accounts: impl Iterator<Item = &'a Incoming> + Clone + Send,
) -> Result<Vec<Holder>, StoreError> {
    let ids = accounts.clone().map(|account| account.id).collect::<Vec<_>>();
    let emails = accounts
        .clone()
        .map(|account| account.email.as_str())
        .collect::<Vec<_>>();
    let usernames = accounts
        .filter_map(|account| account.username.as_deref())
        .collect::<Vec<_>>();
    db.many(&sql::USER_FIND_TAKEN, &[&ids, &emails, &usernames]).await
}
