//! Sessions: families of refresh tokens. A session is open while one of its tokens is live, and has at most one.

use std::net::IpAddr;

use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its key, and the claim `sid`.
    pub session_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Where it last came from.
    pub address: Option<IpAddr>,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// The limit of the session as a whole.
    pub session_expires_at: OffsetDateTime,
    /// When the person last proved who they are.
    pub auth_time: OffsetDateTime,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// The last login or refresh.
    pub last_seen_at: OffsetDateTime,
    /// When it ends unless refreshed.
    pub expires_at: OffsetDateTime,
}

impl FromRecord for Session {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: record.get("session_id")?,
            user_id: record.get("user_id")?,
            device_name: record.get("device_name")?,
            user_agent: record.get("user_agent")?,
            address: record.get("address")?,
            started_at: record.get("session_started_at")?,
            session_expires_at: record.get("session_expires_at")?,
            auth_time: record.get("auth_time")?,
            amr: record.json("amr")?,
            last_seen_at: record.get("last_seen_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// The open sessions of a user, the last seen first.
pub async fn list(db: &impl Executor, user_id: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
    db.many(&sql::SESSION_LIST, &[&user_id, &now]).await
}

/// Finds an open session.
pub async fn find(db: &impl Executor, session_id: Uuid, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
    db.optional(&sql::SESSION_FIND, &[&session_id, &now]).await
}

/// Which sessions of a user end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    This(Uuid),
    /// All but this one.
    Others(Uuid),
    /// All.
    All,
}

/// Ends sessions of a user and returns those that were open. Holds the user's row first, so that no refresh passes by:
/// one that came before has its successor found here, one that comes after finds its token revoked.
pub async fn revoke(
    tx: &Transaction,
    user_id: Uuid,
    scope: Scope,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, StoreError> {
    // A statement of its own: the next one must see what was committed while this one waited.
    tx.fetch(&sql::USER_FIND_FOR_UPDATE, &[&user_id]).await?;
    let revoked: Vec<Id> = match scope {
        Scope::This(session) => {
            tx.many(&sql::SESSION_REVOKE, &[&user_id, &session, &now, &reason])
                .await?
        }
        Scope::Others(session) => {
            tx.many(&sql::SESSION_REVOKE_OTHERS, &[&user_id, &session, &now, &reason])
                .await?
        }
        Scope::All => tx.many(&sql::SESSION_REVOKE_ALL, &[&user_id, &now, &reason]).await?,
    };
    Ok(revoked.into_iter().map(|id| id.0).collect())
}

struct Id(Uuid);

impl FromRecord for Id {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("session_id").map(Self)
    }
}

/// Notes how and when the person of an open session last proved who they are; `false` when it is not open. The caller
/// holds the user's row.
pub async fn set_proof(
    tx: &Transaction,
    session_id: Uuid,
    user_id: Uuid,
    amr: &[String],
    auth_time: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(
        &sql::SESSION_SET_PROOF,
        &[&session_id, &user_id, &Json(amr), &auth_time],
    )
    .await
}

/// Whether any session of a user, open or over, came from this network with this client.
pub async fn is_from_known_device(
    db: &impl Executor,
    user_id: Uuid,
    user_agent: Option<&str>,
    address: Option<IpAddr>,
) -> Result<bool, StoreError> {
    let known: Known = db
        .one(&sql::SESSION_IS_FROM_KNOWN_DEVICE, &[&user_id, &user_agent, &address])
        .await?;
    Ok(known.0)
}

struct Known(bool);

impl FromRecord for Known {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("known").map(Self)
    }
}

/// How many sessions are open. Reads every live token: for a command or a sampled gauge.
pub async fn count(db: &impl Executor, now: OffsetDateTime) -> Result<i64, StoreError> {
    let count: Open = db.one(&sql::SESSION_COUNT, &[&now]).await?;
    Ok(count.0)
}

struct Open(i64);

impl FromRecord for Open {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("open").map(Self)
    }
}

/// A session that was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Which.
    pub session_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// When.
    pub revoked_at: OffsetDateTime,
}

impl FromRecord for Revoked {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: record.get("session_id")?,
            user_id: record.get("user_id")?,
            revoked_at: record.get("revoked_at")?,
        })
    }
}

/// The sessions that ended since an instant: with [`super::users::list_tokens_valid_after`], all that a new Redis must be
/// told.
pub async fn list_revoked(db: &impl Executor, since: OffsetDateTime) -> Result<Vec<Revoked>, StoreError> {
    db.many(&sql::SESSION_LIST_REVOKED, &[&since]).await
}
