//! Verifies an email address with the code that was sent to it.
//!
//! It works without an access token: with `auth.email.verification: required` there is none yet. So a wrong code, an
//! unknown email address and an expired code get the same refusal, after the same work.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::directory::Directory;
use crate::accounts::email::codes::{self, Codes, Purpose};
use crate::accounts::email::names::{self, NameError};
use crate::accounts::email::request::{self, EmailRequestError};
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::{Limits, RateLimited, Window};
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::codes::Checked;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};

/// The account whose email address a code verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimant<'a> {
    /// By email address.
    Address(&'a str),
    /// The account of a signed-in caller.
    SignedIn(Uuid),
}

/// Why an email address was not verified.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The code is wrong, expired, used up, or for another purpose or email address; which is not revealed.
    #[error("wrong code")]
    Wrong,
    /// The email address is not valid.
    #[error(transparent)]
    Email(#[from] NameError),
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

impl From<StoreError> for CodeError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<RateLimited> for CodeError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

/// Verifies email addresses with a code.
pub struct EmailVerification {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) postgres: Postgres,
    pub(crate) directory: Arc<Directory>,
    pub(crate) codes: Arc<Codes>,
    pub(crate) mail: Arc<Queue>,
}

impl EmailVerification {
    /// Verifies an email address with a code. Access tokens issued before have `email_verified: false` until they are
    /// refreshed.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub async fn verify(
        &self,
        who: Claimant<'_>,
        code: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), CodeError> {
        let outcome = self.try_verify(who, code, origin, now).await;
        let result = match &outcome {
            Ok(()) => "success",
            Err(CodeError::Wrong | CodeError::Email(_)) => "refused",
            Err(CodeError::RateLimited { .. }) => "rate_limited",
            Err(CodeError::Failure(_)) => "error",
        };
        self.metrics
            .email_verifications
            .with_label_values(&["verified", result])
            .inc();
        outcome
    }

    async fn try_verify(
        &self,
        who: Claimant<'_>,
        code: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), CodeError> {
        // Each code counts its own attempts; this limit is for attackers who try many accounts. It is not counted per
        // account, because others could prevent the owner from verifying the email address.
        self.limits
            .take(Window::Verification, origin.address, None, now)
            .await?;
        let user = match who {
            Claimant::Address(email) => users::find_by_email(&self.postgres, &names::email(email)?).await?,
            Claimant::SignedIn(user_id) => self.directory.user(user_id).await?,
        };
        // Without an account there is no code, but Redis is asked all the same.
        let user_id = user.as_ref().map_or(Uuid::nil(), |user| user.id);
        let checked = self.codes.check(Purpose::EmailVerification, user_id, code).await?;
        let (Checked::Right(email) | Checked::Again(email)) = checked else {
            let attempts_left = match checked {
                Checked::Wrong { attempts_left } => Some(attempts_left),
                _ => None,
            };
            AuditRecord::to(user.map(|user| user.id), Event::EmailVerificationFailed, origin)
                .failed()
                .with("attempts_left", attempts_left)
                .insert(&self.postgres, &self.metrics, now)
                .await?;
            return Err(CodeError::Wrong);
        };
        let tx = self.postgres.transaction("email_verify").await?;
        let held = users::find_for_update(&tx, user_id).await?;
        // A retry, or two requests at once: one of them verifies, all of them succeed, unless the email address was
        // changed meanwhile.
        let is_done = |user: &User| user.email_verified_at.is_some() && user.email.eq_ignore_ascii_case(&email);
        if held.as_ref().is_some_and(is_done) {
            return Ok(());
        }
        // The code verifies the email address it was sent to, which may have been changed meanwhile.
        if !users::set_email_verified(&tx, user_id, &email, now).await? {
            return Err(CodeError::Wrong);
        }
        AuditRecord::by(user_id, Event::EmailVerified, origin)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sends a new code to an email address that is not verified, if it has an account. Earlier codes no longer work.
    ///
    /// # Errors
    /// See [`EmailRequestError`]; none of them says whether there is.
    pub async fn resend(&self, email: &str, origin: &Origin, now: OffsetDateTime) -> Result<(), EmailRequestError> {
        let outcome = self.try_resend(email, origin, now).await;
        let result = match &outcome {
            Ok(result) => result,
            Err(error) => error.result(),
        };
        self.metrics
            .email_verifications
            .with_label_values(&["requested", result])
            .inc();
        outcome.map(drop)
    }

    async fn try_resend(
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
            .take(Window::Verification, origin.address, None, now)
            .await?;
        let room = self.limits.mailbox_has_room(Window::Verification, &email, now).await;
        let user = users::find_by_email(&self.postgres, &email).await?;
        let unproven = |user: &&User| user.email_verified_at.is_none();
        let addressee = user.as_ref().filter(unproven).filter(|_| room);
        let result = match (&user, addressee) {
            (_, Some(_)) => "success",
            (None, _) => "unknown_account",
            (Some(user), _) if user.email_verified_at.is_some() => "verified_already",
            (Some(_), None) => "mailbox_limited",
        };

        // Without an account a code is created too, under an id that no account has.
        let user_id = addressee.map_or_else(Uuid::new_v4, |user| user.id);
        let code = self.codes.create(Purpose::EmailVerification, user_id, &email).await?;
        let message = Message::EmailVerification {
            code: code.expose().to_owned(),
        };
        let to = addressee.map_or_else(|| Recipient::without_account(&email), Recipient::of);
        let tx = self.postgres.transaction("email_verification_resend").await?;
        self.mail
            .insert_or_pretend(&tx, addressee.is_some(), to, message, Some(codes::LIFE), now)
            .await?;
        let asked = AuditRecord::to(
            user.as_ref().map(|user| user.id),
            Event::EmailVerificationRequested,
            origin,
        );
        request::unless(addressee.is_some(), result, asked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(result)
    }
}
