//! A forgotten password: a link is mailed, and whoever follows it chooses a new one.
//!
//! The link is worth as much as the password, so that it works once, for half an hour, and its use ends all that was opened
//! with the old password.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::letters::{self, LetterError};
use super::limits::{RateLimited, Window};
use super::mailed_token::Kind;
use super::names;
use super::origin::Happening;
use super::password::Weakness;
use super::password_change::known_of;
use super::{Accounts, Failure, Letter, Origin, Recipient};
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::reset_tokens::{self, ResetToken};
use crate::store::users;
use crate::store::{StoreError, id};

/// Why a link does not give a new password.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Used, expired, or never made: nobody is told which.
    #[error("the link is no longer valid")]
    Invalid,
    /// The new password is not accepted; the link still works.
    #[error("{0}")]
    Password(Weakness),
    /// Too many tries from this address.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
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

impl Accounts {
    /// Mails a link to the owner of an address, if there is one.
    ///
    /// # Errors
    /// See [`LetterError`]; none of them says whether there is.
    pub async fn forgot_password(&self, email: &str, origin: &Origin, now: OffsetDateTime) -> Result<(), LetterError> {
        let outcome = self.try_forgot(email, origin, now).await;
        let result = outcome.as_ref().map_or_else(LetterError::result, |result| result);
        self.metrics
            .password_resets
            .with_label_values(&["requested", result])
            .inc();
        outcome.map(drop)
    }

    async fn try_forgot(&self, email: &str, origin: &Origin, now: OffsetDateTime) -> Result<&'static str, LetterError> {
        if !self.sends_mail() {
            return Err(LetterError::NoMail);
        }
        let email = names::email(email)?;
        self.limit(Window::PasswordReset, origin.address, None, now).await?;
        let room = self.mailbox_has_room(Window::PasswordReset, &email, now).await;
        let user = users::find_by_email(&self.postgres, &email).await?;
        let addressee = user.as_ref().filter(|_| room);

        let (token, token_hash) = Kind::PasswordReset.make();
        let row = ResetToken {
            id: id::new(now),
            user_id: addressee.map_or(Uuid::nil(), |user| user.id),
            address: origin.address,
            created_at: now,
            expires_at: now + self.settings.password_reset.ttl,
        };
        let to = addressee.map_or_else(|| Recipient::stranger(&email), Recipient::of);
        let letter = Letter::PasswordReset {
            token: token.expose().to_owned(),
        };
        let result = match (&user, room) {
            (Some(_), true) => "success",
            (Some(_), false) => "mailbox_limited",
            (None, _) => "unknown_account",
        };
        let tx = self.postgres.transaction("password_forgot").await?;
        reset_tokens::insert(&tx, &row, &token_hash).await?;
        let life = Some(self.settings.password_reset.ttl);
        self.mail_or_pretend(&tx, addressee.is_some(), to, letter, life, now)
            .await?;
        let asked = Happening::to(user.as_ref().map(|user| user.id), Event::PasswordResetRequested, origin);
        letters::unless(addressee.is_some(), result, asked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(result)
    }

    /// Sets a new password for whoever holds a link, and ends everything that was opened with the old one.
    ///
    /// # Errors
    /// See [`ResetError`].
    pub async fn reset_password(
        &self,
        token: &Secret,
        password: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), ResetError> {
        let outcome = self.try_reset(token, password, origin, now).await;
        let result = match &outcome {
            Ok(()) => "success",
            Err(ResetError::Invalid | ResetError::Password(_)) => "refused",
            Err(ResetError::RateLimited { .. }) => "rate_limited",
            Err(ResetError::Failure(_)) => "error",
        };
        self.metrics.password_resets.with_label_values(&["reset", result]).inc();
        outcome
    }

    async fn try_reset(
        &self,
        token: &Secret,
        password: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), ResetError> {
        // A link cannot be guessed, but each try that names one costs a look at the table.
        self.limit(Window::PasswordReset, origin.address, None, now).await?;
        let token_hash = Kind::PasswordReset.hash(token.expose()).ok_or(ResetError::Invalid)?;
        let found = reset_tokens::find(&self.postgres, &token_hash, now).await?;
        let user_id = found.ok_or(ResetError::Invalid)?.user_id;
        let user = self.user(user_id).await?.ok_or(ResetError::Invalid)?;
        // Judged before the link is used up: who chose badly chooses again.
        self.judge_password(password, known_of(&user))
            .map_err(ResetError::Password)?;
        let hash = self.hasher.hash(password).await.map_err(Failure::from)?;

        let tx = self.postgres.transaction("password_reset").await?;
        // The user first, as everywhere: two links of one account, used at once, would otherwise wait for each other.
        users::find_for_update(&tx, user_id).await?;
        // Again, under the lock: of fifty who come with the same link, one finds it unused.
        let held = reset_tokens::find_for_update(&tx, &token_hash, now).await?;
        held.ok_or(ResetError::Invalid)?;
        let entries = self.end_all(&tx, user_id, "password_reset", now).await?;
        users::reset_password(&tx, user_id, &hash, now).await?;
        reset_tokens::use_all(&tx, user_id, now).await?;
        let ended = entries.len() - 1;
        // By nobody who is signed in: the link is all that is known of them.
        Happening::to(Some(user_id), Event::PasswordReset, origin)
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        self.mail(&tx, Recipient::of(&user), Letter::PasswordChanged, None, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, ended, "password_reset").await;
        Ok(())
    }
}
