//! The table `signing_keys`: the keys that sign access tokens, with encrypted private keys.

use serde_json::Value;
use time::OffsetDateTime;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Published, so that verifiers have it before it signs.
    Next,
    /// Signs. There is exactly one.
    Active,
    /// Only verifies, until the last token it signed has expired.
    Retired,
}

impl State {
    /// The name in the table.
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

/// A signing key.
#[derive(Clone, PartialEq)]
pub struct SigningKeyRow {
    /// The key id (`kid`) in the header of tokens.
    pub kid: String,
    /// `ES256`, `EdDSA` or `RS256`.
    pub algorithm: String,
    /// Its state.
    pub state: State,
    /// The private key, encrypted with `auth.secret`.
    pub private_sealed: Vec<u8>,
    /// The public key.
    pub public_jwk: Value,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// Since when it signs.
    pub activated_at: Option<OffsetDateTime>,
    /// Since when it no longer signs.
    pub retired_at: Option<OffsetDateTime>,
    /// When the last token it signed expires.
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
            state: record.named("state", State::parse)?,
            private_sealed: record.get("private_sealed")?,
            public_jwk: record.get("public_jwk")?,
            created_at: record.get("created_at")?,
            activated_at: record.get("activated_at")?,
            retired_at: record.get("retired_at")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

/// All keys, the oldest first.
pub async fn list(db: &impl Executor) -> Result<Vec<SigningKeyRow>, StoreError> {
    db.many(&sql::SIGNING_KEY_LIST, &[]).await
}

/// Inserts a key that will sign later ([`State::Next`]) or at once ([`State::Active`]). `retired_at` and `expires_at`
/// are ignored.
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

/// Makes the next key the active one; `false` if it was not next. The active one has to be retired before.
pub async fn activate(tx: &Transaction, kid: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_ACTIVATE, &[&kid, &now]).await
}

/// Retires a key: it does not sign any more, and verifies until `expires_at`.
pub async fn retire(
    tx: &Transaction,
    kid: &str,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_RETIRE, &[&kid, &now, &expires_at]).await
}

/// Withdraws a key at once, whatever its state: it neither signs nor verifies any more.
pub async fn withdraw(tx: &Transaction, kid: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::SIGNING_KEY_WITHDRAW, &[&kid, &now]).await
}

/// Locks the signing keys until the transaction ends, so that instances that start or rotate at the same time take
/// turns.
pub async fn lock(tx: &Transaction) -> Result<(), StoreError> {
    tx.execute(&sql::SIGNING_KEY_LOCK, &[]).await.map(drop)
}
