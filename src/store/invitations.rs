//! `invitations`: who may make an account, and what they get with it.

use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// The unique index that refuses a second open invitation of an address.
pub const EMAIL_HAS_ONE_OPEN: &str = "invitations_email_has_one_open";

/// An invitation that may still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its key, from [`super::id::new`].
    pub id: Uuid,
    /// Who may use it.
    pub email: String,
    /// What they get with the account.
    pub roles: Vec<String>,
    /// Who invited them; none: the command line.
    pub invited_by: Option<Uuid>,
    /// When.
    pub created_at: OffsetDateTime,
    /// Until when it works.
    pub expires_at: OffsetDateTime,
}

impl FromRecord for Invitation {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            email: record.get("email")?,
            roles: record.json("roles")?,
            invited_by: record.get("invited_by")?,
            created_at: record.get("created_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// Adds an invitation, of whose token only the SHA-256 is kept.
pub async fn insert(db: &impl Executor, invitation: &Invitation, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    db.execute(
        &sql::INVITATION_INSERT,
        &[
            &invitation.id,
            &token_hash.as_slice(),
            &invitation.email,
            &Json(&invitation.roles),
            &invitation.invited_by,
            &invitation.created_at,
            &invitation.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// Finds one that may still be used.
pub async fn find(
    db: &impl Executor,
    token_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_FIND, &[&token_hash.as_slice(), &now])
        .await
}

/// Finds one that was used at `since` or later.
pub async fn find_used(
    db: &impl Executor,
    token_hash: &[u8; 32],
    since: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_FIND_USED, &[&token_hash.as_slice(), &since])
        .await
}

/// Uses one up; `false` when somebody else just did, or it is over.
pub async fn spend(db: &impl Executor, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    db.touched(&sql::INVITATION_USE, &[&id, &now]).await
}

/// A page of those that may still be used, in the order of their making.
pub async fn list(
    db: &impl Executor,
    after: Option<Uuid>,
    limit: u32,
    now: OffsetDateTime,
) -> Result<Vec<Invitation>, StoreError> {
    let after = after.unwrap_or(Uuid::nil());
    db.many(&sql::INVITATION_LIST, &[&after, &now, &i64::from(limit)]).await
}

/// Takes one back; `None` when it could not be used any more anyway.
pub async fn revoke(db: &impl Executor, id: Uuid, now: OffsetDateTime) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_REVOKE, &[&id, &now]).await
}

/// Takes back every open one of an address.
pub async fn revoke_of_email(db: &impl Executor, email: &str, now: OffsetDateTime) -> Result<u64, StoreError> {
    db.execute(&sql::INVITATION_REVOKE_OF_EMAIL, &[&email, &now]).await
}
