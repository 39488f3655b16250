//! `signing_keys`: the keys that sign access tokens, their private halves sealed.

use serde_json::Value;
use time::OffsetDateTime;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Published, so that everybody knows it by the time it signs.
    Next,
    /// Signs. There is one.
    Active,
    /// Only verifies, until the last token it signed is dead.
    Retired,
}

impl State {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// One key.
#[derive(Clone, PartialEq)]
pub struct SigningKeyRow {
    /// Its name in a token's header.
    pub kid: String,
    /// `ES256`, `EdDSA` or `RS256`.
    pub algorithm: String,
    /// What it does.
    pub state: State,
    /// The private half under `auth.secret`.
    pub private_sealed: Vec<u8>,
    /// The public half.
    pub public_jwk: Value,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Since when it signs.
    pub activated_at: Option<OffsetDateTime>,
    /// Since when it no longer does.
    pub retired_at: Option<OffsetDateTime>,
    /// When the last token it signed is dead.
    pub expires_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRow")
            .field("kid", &self.kid)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl FromRecord for SigningKeyRow {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            kid: record.get("kid")?,
            algorithm: record.get("algorithm")?,
            state: record.word("state", State::parse)?,
            private_sealed: record.get("private_sealed")?,
            public_jwk: record.get("public_jwk")?,
            created_at: record.get("created_at")?,
            activated_at: record.get("activated_at")?,
            retired_at: record.get("retired_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// Every key, in the order of making.
pub async fn list(db: &impl Executor) -> Result<Vec<SigningKeyRow>, StoreError> {
    db.many(&sql::SIGNING_KEY_LIST, &[]).await
}

/// Adds a key that will sign later ([`State::Next`]) or at once ([`State::Active`]). `retired_at` and `expires_at` are
/// left aside.
pub async fn insert(db: &impl Executor, key: &SigningKeyRow) -> Result<(), StoreError> {
    db.execute(
        &sql::SIGNING_KEY_INSERT,
        &[
            &key.kid,
            &key.algorithm,
            &key.state.as_str(),
            &key.private_sealed,
            &key.public_jwk,
            &key.created_at,
            &key.activated_at,
        ],
    )
    .await
    .map(drop)
}

/// Makes the next key the one that signs; `false` when it was not next. Retire the active one before: there is one.
pub async fn activate(tx: &Transaction, kid: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_ACTIVATE, &[&kid, &now]).await
}

/// Ends a key's signing; it verifies until `expires_at`.
pub async fn retire(
    tx: &Transaction,
    kid: &str,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_RETIRE, &[&kid, &now, &expires_at]).await
}

/// Takes a key out of use at once, whatever its state.
pub async fn withdraw(tx: &Transaction, kid: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_WITHDRAW, &[&kid, &now]).await
}

/// Holds the signing keys until the transaction ends: instances that start or rotate at once take turns.
pub async fn lock(tx: &Transaction) -> Result<(), StoreError> {
    tx.execute(&sql::SIGNING_KEY_LOCK, &[]).await.map(drop)
}
