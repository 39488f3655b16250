//! `refresh_tokens`: of each open session the live token and the one that it replaced.
//!
//! Tokens are written by `sessions::open` and `sessions::refresh`, each one statement, and looked up here.

use std::net::IpAddr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::users::User;
use super::{StoreError, sql};

/// A session as far as its refresh tokens go.
#[derive(Clone, PartialEq)]
pub struct Chain {
    /// The session, and the claim `sid`.
    pub session_id: Uuid,
    /// The limit of the session as a whole.
    pub session_expires_at: OffsetDateTime,
    /// Of the live token.
    pub generation: i32,
    /// When the user last authenticated: the claim `auth_time`.
    pub auth_time: OffsetDateTime,
    /// How: the claim `amr` (RFC 8176).
    pub amr: Vec<String>,
    /// What the user calls the device.
    pub device_name: Option<String>,
    /// The user agent, as last seen.
    pub user_agent: Option<String>,
    /// The client IP, as last seen.
    pub address: Option<IpAddr>,
    /// Why the session ended, if it has.
    pub end_reason: Option<String>,
    /// The live token; none once the session has ended.
    pub live: Option<Live>,
    /// The generation that the live token replaced; none for a login's.
    pub replaced_generation: Option<i32>,
    /// The replaced token; none once it has expired for an hour.
    pub replaced: Option<Replaced>,
    /// The answer with the live token, if the token asked about is the one that it replaced.
    pub answer_sealed: Option<Vec<u8>>,
}

/// The live token of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// SHA-256 of the text.
    pub token_hash: [u8; 32],
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// Until when it may be used.
    pub expires_at: OffsetDateTime,
}

/// The token that the live one replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// SHA-256 of the text.
    pub token_hash: [u8; 32],
    /// Until when it might have been used.
    pub expires_at: OffsetDateTime,
}

/// No hash and no personal data: a row in a log line is one `{:?}` away.
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
            answer_sealed: record.get("answer_sealed")?,
        })
    }
}

/// The answer to a look-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The session and its tokens.
    pub chain: Chain,
    /// The account, also a deleted one.
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

/// All that decides about a token of a session and generation, in one snapshot; none when cleanup removed the session.
pub async fn find(db: &impl Executor, session_id: Uuid, generation: i32) -> Result<Option<Found>, StoreError> {
    db.optional(&sql::REFRESH_TOKEN_FIND, &[&session_id, &generation]).await
}
