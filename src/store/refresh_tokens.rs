//! `refresh_tokens`: what keeps a session going. `sessions` reads the same table by session.
//!
//! The dance of a refresh, in one transaction: `find_for_update` the token presented; if it is live, `mark_used`, then
//! `insert` its successor. A session never has two live tokens: the schema refuses the second
//! (`refresh_tokens_session_has_one_live_token`).

use std::net::IpAddr;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// One link of a session's chain.
#[derive(Clone, PartialEq)]
pub struct RefreshToken {
    /// Its key.
    pub id: Uuid,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Whose.
    pub user_id: Uuid,
    /// The session, and the claim `sid`.
    pub session_id: Uuid,
    /// The token it replaced.
    pub parent_id: Option<Uuid>,
    /// When the session began.
    pub session_started_at: OffsetDateTime,
    /// The limit of the session as a whole.
    pub session_expires_at: OffsetDateTime,
    /// When the person last proved who they are: the claim `auth_time`.
    pub auth_time: OffsetDateTime,
    /// How: the claim `amr` (RFC 8176).
    pub amr: Vec<String>,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Where it last came from.
    pub address: Option<IpAddr>,
    /// When it was issued: the session was last seen then.
    pub created_at: OffsetDateTime,
    /// Until when it may be used.
    pub expires_at: OffsetDateTime,
    /// When it was.
    pub used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// For those who add something.
    pub metadata: Map<String, Value>,
}

impl RefreshToken {
    /// Neither used nor revoked nor expired.
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        self.used_at.is_none() && self.revoked_at.is_none() && self.expires_at > now
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken")
            .field("id", &self.id)
            .field("session_id", &self.session_id)
            .field("used_at", &self.used_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

impl FromRecord for RefreshToken {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            token_hash: record.sha256("token_hash")?,
            user_id: record.get("user_id")?,
            session_id: record.get("session_id")?,
            parent_id: record.get("parent_id")?,
            session_started_at: record.get("session_started_at")?,
            session_expires_at: record.get("session_expires_at")?,
            auth_time: record.get("auth_time")?,
            amr: record.json("amr")?,
            device_name: record.get("device_name")?,
            user_agent: record.get("user_agent")?,
            address: record.get("address")?,
            created_at: record.get("created_at")?,
            expires_at: record.get("expires_at")?,
            used_at: record.get("used_at")?,
            revoked_at: record.get("revoked_at")?,
            revoked_reason: record.get("revoked_reason")?,
            metadata: record.json("metadata")?,
        })
    }
}

/// Adds the first token of a session, or the successor of a used one. `used_at`, `revoked_at` and `revoked_reason` are
/// left aside: a new token is live.
pub async fn insert(db: &impl Executor, token: &RefreshToken) -> Result<(), StoreError> {
    db.execute(
        &sql::REFRESH_TOKEN_INSERT,
        &[
            &token.id,
            &token.token_hash.as_slice(),
            &token.user_id,
            &token.session_id,
            &token.parent_id,
            &token.session_started_at,
            &token.session_expires_at,
            &token.auth_time,
            &Json(&token.amr),
            &token.device_name,
            &token.user_agent,
            &token.address,
            &token.created_at,
            &token.expires_at,
            &Json(&token.metadata),
        ],
    )
    .await
    .map(drop)
}

/// Finds the token presented, whatever its state, and holds its row and its user's until the transaction ends.
pub async fn find_for_update(tx: &Transaction, token_hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError> {
    tx.optional(&sql::REFRESH_TOKEN_FIND_FOR_UPDATE, &[&token_hash.as_slice()])
        .await
}

/// Finds a token, whatever its state, and holds nothing.
pub async fn find(db: &impl Executor, token_hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError> {
    db.optional(&sql::REFRESH_TOKEN_FIND, &[&token_hash.as_slice()]).await
}

/// Finds the newest token that replaced this one. There are several when answers were lost.
pub async fn find_successor(db: &impl Executor, id: Uuid) -> Result<Option<RefreshToken>, StoreError> {
    db.optional(&sql::REFRESH_TOKEN_FIND_SUCCESSOR, &[&id]).await
}

/// Marks a live token used; `false` when it was not live.
pub async fn mark_used(tx: &Transaction, id: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::REFRESH_TOKEN_MARK_USED, &[&id, &now]).await
}

/// Revokes one live token: the successor whose answer was lost. `false` when it was not live.
pub async fn revoke(tx: &Transaction, id: Uuid, reason: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::REFRESH_TOKEN_REVOKE, &[&id, &now, &reason]).await
}
