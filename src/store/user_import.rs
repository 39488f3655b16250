//! Accounts that come from another system, many at a time.

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::audit::Event;
use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, id, sql};

/// An account as it comes. Everything in it was checked.
#[derive(Clone, Serialize)]
pub struct Incoming {
    /// The id it had, or a new one.
    pub id: Uuid,
    /// Canonical.
    pub email: String,
    /// Canonical.
    pub username: Option<String>,
    /// Of any known make.
    pub password_hash: Option<String>,
    /// The claim `roles`.
    pub roles: Vec<String>,
    /// The claim `permissions`.
    pub permissions: Vec<String>,
    /// What the person says of themselves.
    pub profile: Map<String, Value>,
    /// When the address was confirmed, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub email_verified_at: Option<OffsetDateTime>,
    /// When the account was made, here or there.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Neither the hash nor the person's data, as for a `User`.
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

/// Creates those accounts whose id, address and name are free, and returns their ids.
pub async fn create(db: &impl Executor, accounts: &[Incoming], now: OffsetDateTime) -> Result<Vec<Uuid>, StoreError> {
    let created = db.many(&sql::USER_IMPORT, &[&Json(accounts), &now]).await?;
    Ok(created.into_iter().map(|Created(id)| id).collect())
}

/// Writes down that they were created.
pub async fn note(db: &impl Executor, created: &[Uuid], now: OffsetDateTime) -> Result<(), StoreError> {
    let ids = created.iter().map(|_| id::new(now)).collect::<Vec<_>>();
    let event = Event::UserImported.as_str();
    db.execute(&sql::AUDIT_INSERT_MANY, &[&ids, &created, &now, &event])
        .await
        .map(drop)
}

/// An account that has an id, an address or a name that another wanted.
#[derive(Clone)]
pub struct Holder {
    /// Its id.
    pub id: Uuid,
    /// Its address.
    pub email: String,
    /// Its name.
    pub username: Option<String>,
    /// Its address and name are free again; its id is not.
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

/// Who has what these accounts want.
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
