//! The table `sessions`: one sign-in on one device, until it ends.
//!
//! `open` and `refresh` write the session and its refresh tokens in one statement each; `end` ends sessions. Whatever
//! opens or ends sessions locks the user's row first; a refresh does not need that, since it updates the row that an
//! end updates.

use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// The `end_reason` of a session that was not refreshed in time.
pub const EXPIRED: &str = "expired";

/// Up to this many sessions are counted exactly; more are estimated.
const COUNTED_TO: i64 = 5_000;

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its key, and the claim `sid`.
    pub session_id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The name of the device, chosen by the user.
    pub device_name: Option<String>,
    /// The user agent, as last seen.
    pub user_agent: Option<String>,
    /// The client IP, as last seen.
    pub address: Option<IpAddr>,
    /// When it was opened.
    pub started_at: OffsetDateTime,
    /// The maximum end of the session, independent of refreshes.
    pub session_expires_at: OffsetDateTime,
    /// When the user last authenticated.
    pub auth_time: OffsetDateTime,
    /// The authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The time of the last sign-in or refresh.
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
            started_at: record.get("started_at")?,
            session_expires_at: record.get("session_expires_at")?,
            auth_time: record.get("auth_time")?,
            amr: record.get("amr")?,
            last_seen_at: record.get("last_seen_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// A session to be opened, and its first refresh token.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// The session's id.
    pub session_id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The id of the device, from its device token.
    pub device_id: Uuid,
    /// The name of the device, chosen by the user.
    pub device_name: Option<&'a str>,
    /// The user agent of the sign-in.
    pub user_agent: Option<&'a str>,
    /// The client IP of the sign-in.
    pub address: Option<IpAddr>,
    /// The authentication methods (RFC 8176).
    pub amr: &'a [String],
    /// The maximum end of the session, independent of refreshes.
    pub expires_at: OffsetDateTime,
    /// SHA-256 of the refresh token.
    pub token_hash: [u8; 32],
    /// When the refresh token expires.
    pub token_expires_at: OffsetDateTime,
    /// SHA-256 of the network and the user agent.
    pub fingerprint: [u8; 32],
}

/// Opens a session and records the sign-in in the account, whose row the caller has locked. Ends the least recently
/// refreshed sessions, so that the account has at most `per_user`.
pub async fn open(
    tx: &Transaction,
    session: &NewSession<'_>,
    per_user: u32,
    now: OffsetDateTime,
) -> Result<Opened, StoreError> {
    let opened: Opened = tx
        .one(
            &sql::SESSION_OPEN,
            &[
                &session.session_id,
                &session.user_id,
                &session.device_id,
                &session.device_name,
                &session.user_agent,
                &session.address,
                &session.amr,
                &now,
                &session.expires_at,
                &session.token_hash.as_slice(),
                &session.token_expires_at,
                &session.fingerprint.as_slice(),
                &i64::from(per_user),
            ],
        )
        .await?;
    tx.user_changed(session.user_id).await;
    Ok(opened)
}

/// What else happened when a session was opened.
#[derive(Debug)]
pub struct Opened {
    /// Whether the account was never used with this fingerprint before.
    pub is_new_device: bool,
    /// The sessions that were ended because the account had too many.
    pub ended: Vec<Uuid>,
}

impl FromRecord for Opened {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            is_new_device: record.get("is_new_device")?,
            ended: record.get("ended")?,
        })
    }
}

/// The successor of a session's live refresh token.
#[derive(Debug, Clone)]
pub struct Successor<'a> {
    /// The session.
    pub session_id: Uuid,
    /// The live generation when the caller read it; the successor has the next.
    pub live: i32,
    /// The generation of the presented token: `live`, or the one before it if the response with that was lost.
    pub presented: i32,
    /// SHA-256 of the successor.
    pub token_hash: [u8; 32],
    /// When it expires.
    pub expires_at: OffsetDateTime,
    /// The encrypted response, for a retry with the same token.
    pub response_sealed: &'a [u8],
    /// The user agent of the request.
    pub user_agent: Option<&'a str>,
    /// The client IP of the request.
    pub address: Option<IpAddr>,
    /// SHA-256 of the network and the user agent, if one of them changed.
    pub changed_fingerprint: Option<[u8; 32]>,
}

/// Replaces the live refresh token; `false` if `live` is not live any more, or the session has ended: then nothing was
/// changed, and the caller reads the session again.
pub async fn refresh(db: &impl Executor, successor: &Successor<'_>, now: OffsetDateTime) -> Result<bool, StoreError> {
    let fingerprint = successor.changed_fingerprint.as_ref().map(<[u8; 32]>::as_slice);
    db.touched(
        &sql::SESSION_REFRESH,
        &[
            &successor.session_id,
            &successor.live,
            &successor.presented,
            &now,
            &successor.token_hash.as_slice(),
            &successor.expires_at,
            &successor.response_sealed,
            &successor.user_agent,
            &successor.address,
            &fingerprint,
        ],
    )
    .await
}

/// The open sessions of a user, most recently seen first.
pub async fn list(db: &impl Executor, user_id: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
    db.many(&sql::SESSION_LIST, &[&user_id, &now]).await
}

/// Finds an open session.
pub async fn find(db: &impl Executor, session_id: Uuid, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
    db.optional(&sql::SESSION_FIND, &[&session_id, &now]).await
}

/// Whether a session with this id was ever opened, and not yet removed by cleanup.
pub async fn exists(db: &impl Executor, session_id: Uuid) -> Result<bool, StoreError> {
    let found: Found = db.one(&sql::SESSION_EXISTS, &[&session_id]).await?;
    Ok(found.0)
}

struct Found(bool);

impl FromRecord for Found {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("found").map(Self)
    }
}

/// Which sessions of a user to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    This(Uuid),
    /// All but this one.
    Others(Uuid),
    /// All.
    All,
}

/// Ends sessions of a user and returns those that were open. Locks the user's row first: a concurrent sign-in is either
/// committed and its session is found, or it reads the account after the caller's changes.
pub async fn end(
    tx: &Transaction,
    user_id: Uuid,
    scope: Scope,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, StoreError> {
    // A separate statement, because the next one has to see what was committed while this one waited.
    tx.fetch(&sql::USER_FIND_FOR_UPDATE, &[&user_id]).await?;
    let ended: Vec<Id> = match scope {
        Scope::This(session) => tx.many(&sql::SESSION_END, &[&user_id, &session, &now, &reason]).await?,
        Scope::Others(session) => {
            tx.many(&sql::SESSION_END_OTHERS, &[&user_id, &session, &now, &reason])
                .await?
        }
        Scope::All => tx.many(&sql::SESSION_END_ALL, &[&user_id, &now, &reason]).await?,
    };
    Ok(ended.into_iter().map(|id| id.0).collect())
}

/// A page of the accounts with open sessions, in the order of their ids, after `after`.
pub async fn users_with_open(db: &impl Executor, after: Uuid, limit: u32) -> Result<Vec<Uuid>, StoreError> {
    let found: Vec<UserId> = db.many(&sql::SESSION_LIST_USERS, &[&after, &i64::from(limit)]).await?;
    Ok(found.into_iter().map(|id| id.0).collect())
}

struct UserId(Uuid);

impl FromRecord for UserId {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("user_id").map(Self)
    }
}

/// Ends all sessions of many users, whose rows the caller has locked ([`super::users::outdate_many`]), and returns those
/// that were open.
pub async fn end_many(
    tx: &Transaction,
    user_ids: &[Uuid],
    reason: &str,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, StoreError> {
    let ended: Vec<Id> = tx.many(&sql::SESSION_END_MANY, &[&user_ids, &now, &reason]).await?;
    Ok(ended.into_iter().map(|id| id.0).collect())
}

struct Id(Uuid);

impl FromRecord for Id {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("session_id").map(Self)
    }
}

/// Records how and when the user of an open session last authenticated; `false` if the session has ended. The caller
/// has locked the user's row.
pub async fn set_proof(
    tx: &Transaction,
    session_id: Uuid,
    user_id: Uuid,
    amr: &[String],
    auth_time: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(&sql::SESSION_SET_PROOF, &[&session_id, &user_id, &amr, &auth_time])
        .await
}

/// The number of open sessions: exact up to 5,000, above that an estimate from the last VACUUM or ANALYZE. Sessions
/// that were not refreshed in time count until cleanup ends them.
pub async fn count(db: &impl Executor) -> Result<i64, StoreError> {
    let count: Open = db.one(&sql::SESSION_COUNT, &[&COUNTED_TO]).await?;
    Ok(count.0)
}

struct Open(i64);

impl FromRecord for Open {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("open").map(Self)
    }
}
