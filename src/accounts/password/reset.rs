//! Resets a forgotten password with an emailed link.
//!
//! The link gives as much access as the password, so it works once, for half an hour, and its use ends all sessions. A
//! client whose response was lost can retry with the same link and the same new password for a minute, which has no
//! further effect.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::directory::Directory;
use crate::accounts::email::link_token::Kind;
use crate::accounts::email::names;
use crate::accounts::email::request::{self, EmailRequestError};
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::{Limits, RateLimited, Window};
use crate::accounts::password::hasher::Hasher;
use crate::accounts::password::new_password;
use crate::accounts::password::retry::{self, RepeatedRequests};
use crate::accounts::password::rules::{Weakness, known_of};
use crate::accounts::sessions::end::Sessions;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::reset_tokens::{self, ResetToken};
use crate::store::users::{self, User};
use crate::store::{StoreError, id};

/// Why a password was not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The link was used, has expired, or is unknown; which is not revealed.
    #[error("the link is no longer valid")]
    Invalid,
    /// The new password is not accepted; the link still works.
    #[error("{0}")]
    Password(Weakness),
    /// The new password is the current one; the link still works.
    #[error("the new password is the current one")]
    Unchanged,
    /// Too many attempts from this client IP.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ResetError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<RateLimited> for ResetError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

/// Resets a forgotten password with an emailed link.
pub struct PasswordReset {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) postgres: Postgres,
    pub(crate) settings: Arc<Settings>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) repeated_requests: Arc<RepeatedRequests>,
}

impl PasswordReset {
    /// Sends a link to an email address, if it has an account.
    ///
    /// # Errors
    /// See [`EmailRequestError`]; none of them says whether there is.
    pub async fn forgot(&self, email: &str, origin: &Origin, now: OffsetDateTime) -> Result<(), EmailRequestError> {
        let outcome = self.try_forgot(email, origin, now).await;
        let result = match &outcome {
            Ok(result) => result,
            Err(error) => error.result(),
        };
        self.metrics
            .password_resets
            .with_label_values(&["requested", result])
            .inc();
        outcome.map(drop)
    }

    async fn try_forgot(
        &self,
        email: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<&'static str, EmailRequestError> {
        if !self.mail.is_enabled() {
            return Err(EmailRequestError::NoMail);
        }
        let email = names::email(email)?;
        self.limits
            .take(Window::PasswordReset, origin.address, None, now)
            .await?;
        let room = self.limits.mailbox_has_room(Window::PasswordReset, &email, now).await;
        let user = users::find_by_email(&self.postgres, &email).await?;
        let addressee = user.as_ref().filter(|_| room);

        let result = match (&user, room) {
            (Some(_), true) => "success",
            (Some(_), false) => "mailbox_limited",
            (None, _) => "unknown_account",
        };
        let tx = self.postgres.transaction("password_forgot").await?;
        self.email_link(&tx, addressee, &email, origin, now).await?;
        let asked = AuditRecord::to(user.as_ref().map(|user| user.id), Event::PasswordResetRequested, origin);
        request::unless(addressee.is_some(), result, asked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(result)
    }

    /// Creates a link and queues its message, or does the same work and rolls it back. A link needs an account; without
    /// one a second message takes the place of its row.
    async fn email_link(
        &self,
        tx: &Transaction,
        addressee: Option<&User>,
        email: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (token, token_hash) = Kind::PasswordReset.make();
        let ttl = self.settings.password_reset.ttl;
        let message = Message::PasswordReset {
            token: token.expose().to_owned(),
        };
        tx.savepoint().await?;
        if let Some(user) = addressee {
            let row = ResetToken {
                id: id::new(now),
                user_id: user.id,
                address: origin.address,
                created_at: now,
                expires_at: now + ttl,
            };
            reset_tokens::insert(tx, &row, &token_hash).await?;
            self.mail
                .insert(tx, Recipient::of(user), message, Some(ttl), now)
                .await?;
            tx.release().await
        } else {
            for _ in 0..2 {
                self.mail
                    .insert(tx, Recipient::without_account(email), message.clone(), Some(ttl), now)
                    .await?;
            }
            tx.rollback_to().await
        }
    }

    /// Sets a new password with a link, and ends all sessions.
    ///
    /// # Errors
    /// See [`ResetError`].
    pub async fn reset(
        &self,
        token: &Secret,
        password: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), ResetError> {
        let outcome = self.try_reset(token, password, origin, now).await;
        let result = match &outcome {
            Ok(result) => result,
            Err(ResetError::Invalid | ResetError::Password(_) | ResetError::Unchanged) => "refused",
            Err(ResetError::RateLimited { .. }) => "rate_limited",
            Err(ResetError::Failure(_)) => "error",
        };
        self.metrics.password_resets.with_label_values(&["reset", result]).inc();
        outcome.map(drop)
    }

    async fn try_reset(
        &self,
        token: &Secret,
        password: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<&'static str, ResetError> {
        // A link cannot be guessed, but each attempt costs a query.
        self.limits
            .take(Window::PasswordReset, origin.address, None, now)
            .await?;
        let token_hash = Kind::PasswordReset.hash(token.expose()).ok_or(ResetError::Invalid)?;
        let Some(found) = reset_tokens::find(&self.postgres, &token_hash, now).await? else {
            return self.reset_again(&token_hash, password, now).await;
        };
        let user_id = found.user_id;
        let user = self.directory.user(user_id).await?.ok_or(ResetError::Invalid)?;
        // Checked before the link is used up, so that the user can choose another password.
        new_password::check(&self.hasher, password, known_of(&user), &self.settings.password)
            .await
            .map_err(Failure::from)?
            .map_err(ResetError::Password)?;
        // A reset that an operator required has to change something. Somebody with a stolen link learns by this whether
        // they have guessed the password, a few times a minute; with the link they could set another one.
        if self.repeated_requests.changes_nothing(&user, password, now).await? {
            return Err(ResetError::Unchanged);
        }
        let hash = self.hasher.hash(password).await.map_err(Failure::from)?;

        let tx = self.postgres.transaction("password_reset").await?;
        // The user's row is locked first, as everywhere: two links of one account would otherwise deadlock.
        users::find_for_update(&tx, user_id).await?;
        // Checked again under the lock: of fifty requests with the same link, one finds it unused.
        if reset_tokens::find_for_update(&tx, &token_hash, now).await?.is_none() {
            drop(tx);
            return self.reset_again(&token_hash, password, now).await;
        }
        let version = users::reset_password(&tx, user_id, &hash, now).await?;
        let version = version.ok_or(ResetError::Invalid)?;
        let entries = self
            .sessions
            .end_all(&tx, user_id, version, "password_reset", now)
            .await?;
        reset_tokens::use_all(&tx, user_id, now).await?;
        let ended = entries.len() - 1;
        // Without an actor: the client is not signed in.
        AuditRecord::to(Some(user_id), Event::PasswordReset, origin)
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        self.mail
            .insert(&tx, Recipient::of(&user), Message::PasswordChanged, None, now)
            .await?;
        tx.commit().await?;
        self.sessions.publish(&entries, ended, "password_reset").await;
        Ok("success")
    }

    /// Answers a retry that sets the same password with the same link.
    async fn reset_again(
        &self,
        token_hash: &[u8; 32],
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<&'static str, ResetError> {
        let found = reset_tokens::find_used(&self.postgres, token_hash, now - retry::WITHIN).await?;
        let user_id = found.ok_or(ResetError::Invalid)?.user_id;
        let user = self.directory.user(user_id).await?.ok_or(ResetError::Invalid)?;
        if !self.repeated_requests.is_set_already(&user, password, now).await? {
            return Err(ResetError::Invalid);
        }
        Ok("repeated")
    }
}
