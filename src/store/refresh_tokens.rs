//! The table `refresh_tokens`: the live token of each open session, and its predecessor.
//!
//! Tokens are inserted by `sessions::open` and `sessions::refresh`, each with one statement, and looked up here.

use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::users::User;
use super::{StoreError, sql};

/// A session with its refresh tokens.
#[derive(Clone, PartialEq)]
pub struct Chain {
    /// The session, and the claim `sid`.
    pub session_id: Uuid,
    /// The maximum end of the session, independent of refreshes.
    pub session_expires_at: OffsetDateTime,
    /// The generation of the live token.
    pub generation: i32,
    /// When the user last authenticated: the claim `auth_time`.
    pub auth_time: OffsetDateTime,
    /// The authentication methods: the claim `amr` (RFC 8176).
    pub amr: Vec<String>,
    /// The name of the device, chosen by the user.
    pub device_name: Option<String>,
    /// The user agent, as last seen.
    pub user_agent: Option<String>,
    /// The client IP, as last seen.
    pub address: Option<IpAddr>,
    /// Why the session ended, if it has.
    pub end_reason: Option<String>,
    /// The live token; `None` if the session has ended.
    pub live: Option<Live>,
    /// The generation that the live token replaced; `None` for that of a sign-in.
    pub replaced_generation: Option<i32>,
    /// The predecessor; `None` if it expired more than an hour ago.
    pub replaced: Option<Replaced>,
    /// The encrypted response with the live token, if the predecessor was looked up.
    pub response_sealed: Option<Vec<u8>>,
}

/// The live token of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// The SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// The predecessor of the live token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// The SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// When it would have expired.
    pub expires_at: OffsetDateTime,
}

/// Without hashes and personal data, so that they do not get into a log by `{:?}`.
impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("session_id", &self.session_id)
            .field("generation", &self.generation)
            .field("end_reason", &self.end_reason)
            .finish_non_exhaustive()
    }
}

impl FromRecord for Chain {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        let live: Option<OffsetDateTime> = record.get("live_expires_at")?;
        let live = live.map(|expires_at| {
            Ok::<_, StoreError>(Live {
                token_hash: record.sha256("live_token_hash")?,
                created_at: record.get("live_created_at")?,
                expires_at,
            })
        });
        let replaced: Option<OffsetDateTime> = record.get("replaced_expires_at")?;
        let replaced = replaced.map(|expires_at| {
            Ok::<_, StoreError>(Replaced {
                token_hash: record.sha256("replaced_token_hash")?,
                expires_at,
            })
        });
        Ok(Self {
            session_id: record.get("session_id")?,
            session_expires_at: record.get("session_expires_at")?,
            generation: record.get("generation")?,
            auth_time: record.get("auth_time")?,
            amr: record.get("amr")?,
            device_name: record.get("device_name")?,
            user_agent: record.get("user_agent")?,
            address: record.get("address")?,
            end_reason: record.get("end_reason")?,
            live: live.transpose()?,
            replaced_generation: record.get("replaced_generation")?,
            replaced: replaced.transpose()?,
            response_sealed: record.get("response_sealed")?,
        })
    }
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The session and its tokens.
    pub chain: Chain,
    /// The account, which may be deleted.
    pub user: User,
}

impl FromRecord for Found {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            chain: Chain::from_record(record)?,
            user: User::from_record(record)?,
        })
    }
}

/// Everything that is needed to decide about a token of a session and generation, in one snapshot; `None` if cleanup
/// deleted the session.
pub async fn find(db: &impl Executor, session_id: Uuid, generation: i32) -> Result<Option<Found>, StoreError> {
    db.optional(&sql::REFRESH_TOKEN_FIND, &[&session_id, &generation]).await
}
