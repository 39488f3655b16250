//! The table `invitations`.

use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// The unique index that allows one open invitation per email address.
pub const EMAIL_HAS_ONE_OPEN: &str = "invitations_email_has_one_open";

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its key, from [`super::id::new`].
    pub id: Uuid,
    /// The email address that it is for.
    pub email: String,
    /// The roles of the new account.
    pub roles: Vec<String>,
    /// The operator who created it; `None` for the command line.
    pub invited_by: Option<Uuid>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it expires.
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

/// Inserts an invitation. Of its token only the SHA-256 is stored.
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

/// Finds an open invitation by the hash of its token.
pub async fn find(
    db: &impl Executor,
    token_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_FIND, &[&token_hash.as_slice(), &now])
        .await
}

/// Finds an invitation that was used at `since` or later.
pub async fn find_used(
    db: &impl Executor,
    token_hash: &[u8; 32],
    since: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_FIND_USED, &[&token_hash.as_slice(), &since])
        .await
}

/// Marks an invitation as used; `false` if it was just used, or is not open any more.
pub async fn spend(db: &impl Executor, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    db.touched(&sql::INVITATION_USE, &[&id, &now]).await
}

/// A page of open invitations, the oldest first.
pub async fn list(
    db: &impl Executor,
    after: Option<Uuid>,
    limit: u32,
    now: OffsetDateTime,
) -> Result<Vec<Invitation>, StoreError> {
    let after = after.unwrap_or(Uuid::nil());
    db.many(&sql::INVITATION_LIST, &[&after, &now, &i64::from(limit)]).await
}

/// Withdraws an invitation; `None` if it was not open.
pub async fn revoke(db: &impl Executor, id: Uuid, now: OffsetDateTime) -> Result<Option<Invitation>, StoreError> {
    db.optional(&sql::INVITATION_REVOKE, &[&id, &now]).await
}

/// Withdraws every open invitation of an email address.
pub async fn revoke_of_email(db: &impl Executor, email: &str, now: OffsetDateTime) -> Result<u64, StoreError> {
    db.execute(&sql::INVITATION_REVOKE_OF_EMAIL, &[&email, &now]).await
}
