//! Changes the email address of an account. It needs a code from each mailbox: the one from the current mailbox proves
//! that the owner wants the change, the one from the new mailbox that they receive email there.
//!
//! The two codes are stored and compared as one, so that a mistake in either costs one attempt, and neither is used up
//! alone. They are deleted after the change is committed: if PostgreSQL does not answer, they can be sent again. Two
//! requests at once make one change, because it requires the email address that the codes were requested for.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::accounts::email::codes::{self, Codes, Purpose};
use crate::accounts::email::names::{self, NameError};
use crate::accounts::email::request;
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::{Limits, RateLimited, Window};
use crate::accounts::reauthentication::error::ReauthenticationError;
use crate::accounts::reauthentication::{Counted, Proof, Reauthentication};
use crate::accounts::registration::domains::may_register;
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::revoker::Revoker;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::codes::Checked;
use crate::store::postgres::Postgres;
use crate::store::revocations::Recorded;
use crate::store::users::{self, User};
use crate::store::{StoreError, reset_tokens};

/// Why a change of the email address cannot be started. That another account has the new one is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum EmailChangeError {
    /// `auth.mail` is not configured.
    #[error("email is not configured (auth.mail)")]
    NoMail,
    /// The new email address is not valid.
    #[error(transparent)]
    Email(NameError),
    /// The new email address is the current one.
    #[error("the new email address is the current one")]
    Unchanged,
    /// The domain is not in `auth.registration.domains`.
    #[error("email addresses of this domain are not allowed (auth.registration.domains)")]
    DomainNotAllowed,
    /// The re-authentication failed.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationError),
    /// Too many attempts.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for EmailChangeError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<RateLimited> for EmailChangeError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

/// Why a change of the email address was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum EmailConfirmError {
    /// The account does not exist any more.
    #[error("there is no such account")]
    NotFound,
    /// One of the codes is wrong, or both; or there is no change to confirm.
    #[error("wrong code")]
    Wrong,
    /// Another account has the new email address meanwhile. Only somebody who receives its email is told.
    #[error("the email address is taken by another account")]
    Taken,
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for EmailConfirmError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// The data that is stored with the codes.
#[derive(Serialize, Deserialize)]
struct Change {
    from: String,
    to: String,
}

/// Changes the email address of an account.
pub struct EmailChange {
    pub(crate) mail: Arc<Queue>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) postgres: Postgres,
    pub(crate) codes: Arc<Codes>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
}

impl EmailChange {
    /// Sends a code to both email addresses, after a re-authentication. If the new one belongs to another account, its owner is notified instead,
    /// and no code is valid; the caller sees no difference.
    ///
    /// # Errors
    /// See [`EmailChangeError`].
    pub async fn request(
        &self,
        by: SessionOf,
        new_email: &str,
        proof: Proof<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), EmailChangeError> {
        if !self.mail.is_enabled() {
            return Err(EmailChangeError::NoMail);
        }
        let new_email = names::email(new_email).map_err(EmailChangeError::Email)?;
        if !may_register(&new_email, &self.settings.registration) {
            return Err(EmailChangeError::DomainNotAllowed);
        }
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::WithSignIns, now)
            .await?;
        if new_email == verified.user.email {
            return Err(EmailChangeError::Unchanged);
        }
        let operation = "email_change_reauthentication";
        let (tx, user) = self.reauthentication.hold(operation, verified, origin, now).await?;
        // The codes are in Redis, and a slow Redis must not keep the row locked.
        tx.commit().await?;
        // Counted by the account's id: if it were counted by email address, others could use up the limit.
        self.limits
            .take(Window::Verification, origin.address, Some(&user.id.to_string()), now)
            .await?;
        let room = self
            .limits
            .mailbox_has_room(Window::Verification, &new_email, now)
            .await;
        let owner = users::find_by_email(&self.postgres, &new_email).await?;

        let change = Change {
            from: user.email.clone(),
            to: new_email,
        };
        let data = serde_json::to_string(&change).expect("strings are always JSON");
        let (for_old, for_new) = self.codes.create_pair(Purpose::EmailChange, user.id, &data).await?;
        let (to, message) = match &owner {
            Some(owner) => (Recipient::of(owner), Message::RegistrationAttempted),
            None => (
                Recipient::without_account(&change.to),
                Message::EmailChangeNew {
                    code: for_new.expose().to_owned(),
                },
            ),
        };
        let tx = self.postgres.transaction("email_change_request").await?;
        let asked = Message::EmailChangeOld {
            code: for_old.expose().to_owned(),
            new_email: change.to,
        };
        self.mail
            .insert(&tx, Recipient::of(&user), asked, Some(codes::LIFE), now)
            .await?;
        self.mail
            .insert_or_pretend(&tx, room, to, message, Some(codes::LIFE), now)
            .await?;
        let asked = AuditRecord::by(user.id, Event::EmailChangeRequested, origin).session(by.session_id);
        request::unless(owner.is_none(), "email_taken", asked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Changes the email address. Access tokens with the previous one become outdated, so that clients refresh; links
    /// and codes that were sent to the previous mailbox no longer work.
    ///
    /// # Errors
    /// See [`EmailConfirmError`].
    pub async fn confirm(
        &self,
        by: SessionOf,
        code_old: &str,
        code_new: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), EmailConfirmError> {
        let checked = self
            .codes
            .check_pair(Purpose::EmailChange, by.user_id, code_old, code_new)
            .await?;
        let change = match checked {
            Checked::Right(data) | Checked::Again(data) => {
                serde_json::from_str::<Change>(&data).map_err(|_| EmailConfirmError::Wrong)?
            }
            Checked::Wrong { .. } | Checked::None => {
                AuditRecord::by(by.user_id, Event::EmailVerificationFailed, origin)
                    .session(by.session_id)
                    .failed()
                    .with("purpose", "email_change")
                    .insert(&self.postgres, &self.metrics, now)
                    .await?;
                return Err(EmailConfirmError::Wrong);
            }
        };
        let (user, outdated) = self.move_to(by, &change, origin, now).await?;
        // A code that was sent to the previous mailbox must not give access to the account.
        for purpose in [Purpose::EmailChange, Purpose::EmailVerification, Purpose::Mfa] {
            if let Err(error) = self.codes.forget(purpose, user.id).await {
                tracing::warn!(%error, user_id = %user.id, "a code sent to the previous email address works until it expires");
            }
        }
        self.revoker.publish(&outdated).await;
        Ok(())
    }

    async fn move_to(
        &self,
        by: SessionOf,
        change: &Change,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(User, Vec<Recorded>), EmailConfirmError> {
        let tx = self.postgres.transaction("email_change").await?;
        let user = users::find_for_update(&tx, by.user_id)
            .await?
            .filter(|user| user.deleted_at.is_none())
            .ok_or(EmailConfirmError::NotFound)?;
        if user.email != change.from {
            return Err(EmailConfirmError::Wrong);
        }
        let moved = match users::set_email(&tx, user.id, &change.to, Some(now)).await {
            Err(error) if error.is_constraint(users::EMAIL_IS_TAKEN) => return Err(EmailConfirmError::Taken),
            moved => moved?.ok_or(EmailConfirmError::NotFound)?,
        };
        let version = users::outdate(&tx, user.id).await?;
        let version = version.ok_or(EmailConfirmError::NotFound)?;
        reset_tokens::use_all(&tx, user.id, now).await?;
        AuditRecord::by(user.id, Event::EmailChanged, origin)
            .session(by.session_id)
            .with("from", change.from.as_str())
            .with("to", change.to.as_str())
            .insert(&tx, &self.metrics, now)
            .await?;
        let news = Message::EmailChanged {
            new_email: change.to.clone(),
        };
        self.mail.insert(&tx, Recipient::of(&user), news, None, now).await?;
        let outdated = self.sessions.record_outdated(&tx, user.id, version, now).await?;
        tx.commit().await?;
        Ok((moved, outdated))
    }
}
