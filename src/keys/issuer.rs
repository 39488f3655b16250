//! The issuer's own keys: stored encrypted in PostgreSQL, shared by all instances, rotated without invalidating a
//! token.
//!
//! ```text
//! next ──rotate──► active ──rotate──► retired ──last token dead──► gone
//! published        signs              verifies
//! ```
//!
//! The invariant: a key is published before it signs, and stays published until every token it signed has expired. So
//! every verifier had time to fetch the key of a token, and a rotation has no visible effect.
//!
//! Instances read the table every few seconds, and at once if a token names a key that they do not have. Writers hold
//! an advisory lock, so that two instances that start at the same time create one key, not two.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::key_use::KeyUse;
use super::secrets::{OpenError, Secrets};
use super::{Algorithm, JwkError, KeyError, Keys, SigningKey, VerifyingKey, Weakness};
use crate::metrics::Metrics;
use crate::store::audit::{self, Event, Outcome};
use crate::store::postgres::{Executor, Postgres, Transaction};
use crate::store::revocations::{self, Recorded, Revocation, Subject};
use crate::store::signing_keys::{self, SigningKeyRow, State};
use crate::store::{StoreError, id};

/// How long the JWK set document can be cached: the `max-age` of `/.well-known/jwks.json`.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(60);

/// How long a key is published before it signs; longer than [`JWKS_MAX_AGE`] and [`RELOAD_EVERY`], so that every cached
/// copy of the document has the key before the first signature.
pub const MIN_PUBLISHED: Duration = Duration::from_secs(120);

/// The interval at which an instance reads the table.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// The pause after a reload that an unknown key caused: tokens with invented key ids must not cause a query each.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// The least size of an RSA key that signs, in bits: 128 bits of security (NIST SP 800-57 part 1, table 2). Keys of other
/// issuers are accepted from 2048 bits on.
const LEAST_RSA_BITS: usize = 3072;

/// How long a retired key is kept after its last token: the leeway of verifiers, plus one reload in which another
/// instance can still sign with the old key.
const SLACK: Duration = Duration::from_secs(120);

/// How long the tokens of a leaked key are refused. Anybody with the key chooses their lifetime, so it is longer than
/// any copy of the key set is used (`stale_ok_for`).
const REVOKED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The settings of the issuer's keys.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer (`iss`) of the keys.
    pub issuer: String,
    /// The secret that encrypts the private keys.
    pub secrets: Secrets,
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// How long a key signs before the next one replaces it; `None`: only by command.
    pub rotate_every: Option<Duration>,
    /// The longest lifetime of a token.
    pub longest_life: Duration,
}

/// Why the issuer's keys could not be loaded or changed.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// PostgreSQL is unreachable, or refused a statement.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be generated or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A private key cannot be decrypted.
    #[error("the private key of the signing key {kid} cannot be decrypted: {cause}")]
    Sealed {
        /// The key id.
        kid: String,
        /// The reason.
        cause: OpenError,
    },
    /// A row contains a value that this program never writes.
    #[error("the signing key {kid} is damaged: {cause}")]
    Damaged {
        /// The key id.
        kid: String,
        /// What is wrong with it.
        cause: String,
    },
    /// There is no key to rotate to.
    #[error("there is no next key to rotate to: import one with `sidegate keys import`")]
    NoNext,
    /// The next key was published too recently.
    #[error("the next key was published {0} s ago, expected {min} s or more: verifiers may not have fetched it yet (--now rotates in any case)", min = MIN_PUBLISHED.as_secs())]
    TooYoung(i64),
    /// There is no such key, or it was removed after its last token expired.
    #[error("there is no key {0}")]
    Unknown(String),
    /// The key exists already.
    #[error("the key {0} exists already")]
    Exists(String),
    /// The imported key is for another algorithm than new keys, so that every running instance would replace it.
    #[error(
        "the key is for {key}, and `auth.signing.algorithm` is {configured}: set it to {key}, restart every instance, and \
         then import the key"
    )]
    OtherAlgorithm {
        /// The algorithm of the key.
        key: Algorithm,
        /// The algorithm of new keys.
        configured: Algorithm,
    },
    /// The imported RSA key is too short to sign for years.
    #[error("an RSA key of {0} bits is refused for signing: expected 3072 to 4096")]
    ShortRsa(usize),
    /// Anybody can sign with the imported key.
    #[error("the key is refused: it is {0}")]
    Weak(Weakness),
}

/// The issuer's keys in the store, and their copy in memory.
pub struct Issuer {
    settings: Settings,
    postgres: Postgres,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
}

impl Issuer {
    /// Connects the parts, without reading keys.
    pub const fn new(settings: Settings, postgres: Postgres, keys: Arc<Keys>, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            postgres,
            keys,
            metrics,
        }
    }

    /// Reads the keys into memory; creates the first ones if there are none.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable, or the secret is wrong. The keys in memory stay as they are.
    pub async fn load(&self, now: OffsetDateTime) -> Result<(), IssuerError> {
        let rows = signing_keys::list(&self.postgres).await?;
        let rows = if self.is_complete(&rows) {
            rows
        } else {
            self.complete(now).await?
        };
        self.install(&rows, now)
    }

    /// Makes the next key the active one, keeps the old one for verification, and publishes a new next key. With
    /// `force` even if the next key is so new that a verifier may not have fetched it.
    ///
    /// # Errors
    /// When there is no next key, or it is too new.
    pub async fn rotate(&self, force: bool, now: OffsetDateTime) -> Result<(), IssuerError> {
        let tx = self.postgres.transaction("signing_keys_rotate").await?;
        signing_keys::lock(&tx).await?;
        self.rotate_in(&tx, force, now).await?;
        let rows = signing_keys::list(&tx).await?;
        tx.commit().await?;
        self.install(&rows, now)
    }

    /// Withdraws a leaked key at once, whatever its state: after a rotation it is a retired one that still verifies.
    /// The next key replaces an active one. Returns the revocation of the tokens it signed, to be published: instances
    /// would otherwise use the key until they read the table or fetch the key set again.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn retire(&self, kid: &str, now: OffsetDateTime) -> Result<Vec<Recorded>, IssuerError> {
        let tx = self.postgres.transaction("signing_key_retire").await?;
        signing_keys::lock(&tx).await?;
        let rows = signing_keys::list(&tx).await?;
        let row = rows.iter().find(|row| row.kid == kid);
        let row = row.ok_or_else(|| IssuerError::Unknown(kid.to_owned()))?;
        signing_keys::withdraw(&tx, kid, now).await?;
        let revocation = Revocation {
            subject: Subject::Key(kid.to_owned()),
            expires_at: now + REVOKED_FOR,
        };
        let recorded = revocations::insert(&tx, vec![revocation], now).await?;
        self.note(&tx, Event::SigningKeyRetired, kid, now).await?;
        if row.state == State::Active {
            let next = rows
                .iter()
                .find(|row| row.state == State::Next)
                .ok_or(IssuerError::NoNext)?;
            signing_keys::activate(&tx, &next.kid, now).await?;
            self.note(&tx, Event::SigningKeyRotated, &next.kid, now).await?;
        }
        self.add_next(&tx, now).await?;
        let rows = signing_keys::list(&tx).await?;
        tx.commit().await?;
        self.install(&rows, now)?;
        Ok(recorded)
    }

    /// Imports a key: it becomes the next key, and replaces one that has not signed yet; the first key of all becomes
    /// active.
    ///
    /// # Errors
    /// When it exists already, is weak, or is for another algorithm than the configured one.
    pub async fn import(&self, key: &SigningKey, now: OffsetDateTime) -> Result<State, IssuerError> {
        let configured = self.settings.algorithm;
        if key.algorithm() != configured {
            return Err(IssuerError::OtherAlgorithm {
                key: key.algorithm(),
                configured,
            });
        }
        if let Some(bits) = key.verifying_key().rsa_bits().filter(|bits| *bits < LEAST_RSA_BITS) {
            return Err(IssuerError::ShortRsa(bits));
        }
        // Read as it will be published: what verifiers would refuse must not sign.
        if let Err(JwkError::Weak(weakness)) = VerifyingKey::from_jwk(&key.verifying_key().to_jwk()) {
            return Err(IssuerError::Weak(weakness));
        }
        let tx = self.postgres.transaction("signing_key_import").await?;
        signing_keys::lock(&tx).await?;
        let rows = signing_keys::list(&tx).await?;
        if rows.iter().any(|row| row.kid == key.kid()) {
            return Err(IssuerError::Exists(key.kid().to_owned()));
        }
        let state = if rows.iter().any(|row| row.state == State::Active) {
            State::Next
        } else {
            State::Active
        };
        if let Some(next) = rows.iter().find(|row| row.state == State::Next && state == State::Next) {
            signing_keys::retire(&tx, &next.kid, now, now).await?;
            self.note(&tx, Event::SigningKeyRetired, &next.kid, now).await?;
        }
        self.add(&tx, key, state, now).await?;
        tx.commit().await?;
        Ok(state)
    }

    /// All keys, for `sidegate keys list`.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn list(&self) -> Result<Vec<SigningKeyRow>, IssuerError> {
        Ok(signing_keys::list(&self.postgres).await?)
    }

    /// Reloads the keys until the task is dropped, and rotates them on schedule.
    pub async fn run(&self, clock: fn() -> OffsetDateTime) {
        let wanted = self.keys.reload_wanted(&self.settings.issuer);
        loop {
            // Whichever comes first.
            let _ = tokio::time::timeout(RELOAD_EVERY, wanted.notified()).await;
            let outcome = self.tick(clock()).await;
            let result = if outcome.is_ok() { "success" } else { "error" };
            self.metrics.job_runs.with_label_values(&["signing_keys", result]).inc();
            if let Err(error) = outcome {
                tracing::warn!(%error, "signing keys were not reloaded");
            }
            tokio::time::sleep(COOL_DOWN).await;
        }
    }

    async fn tick(&self, now: OffsetDateTime) -> Result<(), IssuerError> {
        let rows = signing_keys::list(&self.postgres).await?;
        if self.is_due(&rows, now) {
            return self.rotate_if_due(now).await;
        }
        let rows = if self.is_complete(&rows) {
            rows
        } else {
            self.complete(now).await?
        };
        self.install(&rows, now)
    }

    /// Whether the active key has signed for long enough, and the next one has been published for long enough. While it
    /// is too new there is nothing to do but to publish it: an attempt to rotate would fail, and verifiers would see it
    /// only when it signs.
    fn is_due(&self, rows: &[SigningKeyRow], now: OffsetDateTime) -> bool {
        let find = |state| rows.iter().find(|row| row.state == state);
        let (Some(every), Some(active), Some(next)) =
            (self.settings.rotate_every, find(State::Active), find(State::Next))
        else {
            return false;
        };
        active.activated_at.is_some_and(|since| now - since >= every) && is_published(next, Some(active), now)
    }

    /// Rotates if it is due. Of several instances one does it; the others check again under the lock and find it done.
    async fn rotate_if_due(&self, now: OffsetDateTime) -> Result<(), IssuerError> {
        let tx = self.postgres.transaction("signing_keys_rotate").await?;
        signing_keys::lock(&tx).await?;
        if self.is_due(&signing_keys::list(&tx).await?, now) {
            self.rotate_in(&tx, false, now).await?;
        }
        let rows = signing_keys::list(&tx).await?;
        tx.commit().await?;
        self.install(&rows, now)
    }

    async fn rotate_in(&self, tx: &Transaction, force: bool, now: OffsetDateTime) -> Result<(), IssuerError> {
        let rows = signing_keys::list(tx).await?;
        let next = rows
            .iter()
            .find(|row| row.state == State::Next)
            .ok_or(IssuerError::NoNext)?;
        let active = rows.iter().find(|row| row.state == State::Active);
        if !force && !is_published(next, active, now) {
            return Err(IssuerError::TooYoung((now - next.created_at).whole_seconds()));
        }
        if let Some(active) = active {
            signing_keys::retire(tx, &active.kid, now, now + self.settings.longest_life + SLACK).await?;
            self.note(tx, Event::SigningKeyRetired, &active.kid, now).await?;
        }
        signing_keys::activate(tx, &next.kid, now).await?;
        self.note(tx, Event::SigningKeyRotated, &next.kid, now).await?;
        self.add_next(tx, now).await
    }

    /// Whether there is an active key, and a next one of the configured algorithm if it can be generated.
    fn is_complete(&self, rows: &[SigningKeyRow]) -> bool {
        let has_active = rows.iter().any(|row| row.state == State::Active);
        let next = rows.iter().find(|row| row.state == State::Next);
        has_active
            && next.map_or(self.settings.algorithm == Algorithm::Rs256, |next| {
                !self.is_of_old_algorithm(next)
            })
    }

    /// Whether the next key has another algorithm than the configured one. It is replaced, or with RS256 removed: it
    /// would otherwise sign after the next rotation.
    fn is_of_old_algorithm(&self, next: &SigningKeyRow) -> bool {
        next.algorithm != self.settings.algorithm.name()
    }

    async fn complete(&self, now: OffsetDateTime) -> Result<Vec<SigningKeyRow>, IssuerError> {
        let tx = self.postgres.transaction("signing_keys_complete").await?;
        signing_keys::lock(&tx).await?;
        // Checked again under the lock: another instance may have done it meanwhile.
        let rows = signing_keys::list(&tx).await?;
        let next = rows.iter().find(|row| row.state == State::Next);
        if !rows.iter().any(|row| row.state == State::Active) {
            if let Some(next) = next {
                signing_keys::activate(&tx, &next.kid, now).await?;
            } else {
                self.add(&tx, &SigningKey::generate(self.settings.algorithm)?, State::Active, now)
                    .await?;
            }
        } else if let Some(next) = next.filter(|next| self.is_of_old_algorithm(next)) {
            signing_keys::retire(&tx, &next.kid, now, now).await?;
            self.note(&tx, Event::SigningKeyRetired, &next.kid, now).await?;
        }
        self.add_next(&tx, now).await?;
        let rows = signing_keys::list(&tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Creates a next key if there is none; with RS256 there is none until one is imported.
    async fn add_next(&self, tx: &Transaction, now: OffsetDateTime) -> Result<(), IssuerError> {
        let has_next = signing_keys::list(tx).await?.iter().any(|row| row.state == State::Next);
        if has_next || self.settings.algorithm == Algorithm::Rs256 {
            return Ok(());
        }
        self.add(tx, &SigningKey::generate(self.settings.algorithm)?, State::Next, now)
            .await
    }

    async fn add(
        &self,
        tx: &Transaction,
        key: &SigningKey,
        state: State,
        now: OffsetDateTime,
    ) -> Result<(), IssuerError> {
        let row = SigningKeyRow {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm().name().to_owned(),
            state,
            private_sealed: self.settings.secrets.seal(KeyUse::SigningKey, key.kid(), key.to_der()),
            public_jwk: key.verifying_key().to_jwk(),
            created_at: now,
            activated_at: (state == State::Active).then_some(now),
            retired_at: None,
            expires_at: None,
        };
        signing_keys::insert(tx, &row).await?;
        self.note(tx, Event::SigningKeyCreated, key.kid(), now).await
    }

    async fn note(&self, db: &impl Executor, event: Event, kid: &str, now: OffsetDateTime) -> Result<(), IssuerError> {
        let data = Map::from_iter([("kid".to_owned(), Value::from(kid))]);
        let entry = audit::Entry {
            id: id::new(now),
            at: now,
            event,
            outcome: Outcome::Success,
            actor_id: None,
            user_id: None,
            session_id: None,
            address: None,
            user_agent: None,
            request_id: None,
            data,
        };
        audit::insert(db, &entry).await?;
        self.metrics.audit_events.with_label_values(&[event.as_str()]).inc();
        tracing::info!(kid, event = event.as_str(), "signing keys changed");
        Ok(())
    }

    /// Copies the keys of the table into memory.
    fn install(&self, rows: &[SigningKeyRow], now: OffsetDateTime) -> Result<(), IssuerError> {
        let active = rows
            .iter()
            .find(|row| row.state == State::Active)
            .ok_or(IssuerError::NoNext)?;
        let published = rows
            .iter()
            .filter(|row| row.expires_at.is_none_or(|expires_at| expires_at > now))
            .map(|row| verifying(row).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let signer = match self.keys.signer().filter(|signer| signer.kid() == active.kid) {
            Some(same) => same,
            None => Arc::new(self.open(active)?),
        };
        self.keys.install_own(&self.settings.issuer, signer, &published);
        self.measure(rows, now);
        Ok(())
    }

    fn open(&self, row: &SigningKeyRow) -> Result<SigningKey, IssuerError> {
        let algorithm = row.algorithm.parse().map_err(|e| damaged(row, &e))?;
        let der = self
            .settings
            .secrets
            .open(KeyUse::SigningKey, &row.kid, &row.private_sealed)
            .map_err(|cause| IssuerError::Sealed {
                kid: row.kid.clone(),
                cause,
            })?;
        let key = SigningKey::from_der(algorithm, &zeroize::Zeroizing::new(der))?;
        // A row whose private and public keys do not belong together would sign tokens that cannot be verified.
        if key.kid() == row.kid {
            Ok(key)
        } else {
            Err(damaged(row, &"its private half belongs to another key"))
        }
    }

    fn measure(&self, rows: &[SigningKeyRow], now: OffsetDateTime) {
        let gauge = &self.metrics.signing_key_created;
        gauge.reset();
        for row in rows
            .iter()
            .filter(|row| row.expires_at.is_none_or(|expires_at| expires_at > now))
        {
            let state = if row.state == State::Retired {
                "verify"
            } else {
                row.state.as_str()
            };
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a float; seconds since 1970 fit exactly"
            )]
            gauge
                .with_label_values(&[&row.kid, state])
                .set(row.created_at.unix_timestamp() as f64);
        }
    }
}

/// Whether every verifier can have fetched `next`. Keys that were created together were published together: a verifier
/// that has the active one has the other.
fn is_published(next: &SigningKeyRow, active: Option<&SigningKeyRow>, now: OffsetDateTime) -> bool {
    active.is_none_or(|active| next.created_at <= active.created_at) || now - next.created_at >= MIN_PUBLISHED
}

fn verifying(row: &SigningKeyRow) -> Result<VerifyingKey, IssuerError> {
    let key = VerifyingKey::from_jwk(&row.public_jwk).map_err(|e| damaged(row, &e))?;
    if key.kid() == row.kid {
        Ok(key)
    } else {
        Err(damaged(row, &"its public half has another name"))
    }
}

fn damaged(row: &SigningKeyRow, cause: &dyn std::fmt::Display) -> IssuerError {
    IssuerError::Damaged {
        kid: row.kid.clone(),
        cause: cause.to_string(),
    }
}
