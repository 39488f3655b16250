//! Changes the password of a signed-in user, with the current password.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::directory::Directory;
use crate::accounts::error::Failure;
use crate::accounts::login::reauthenticate::{ProofError, Reauthentication};
use crate::accounts::password::hasher::Hasher;
use crate::accounts::password::new_password;
use crate::accounts::password::rules::{Weakness, known_of};
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::{StoreError, reset_tokens, sessions, users};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    /// The account or the session has ended.
    #[error("there is no such session")]
    NotFound,
    /// The current password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// The new password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// The new password is the current one.
    #[error("the new password is the current one")]
    Unchanged,
    /// Too many wrong passwords.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for PasswordChangeError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<ProofError> for PasswordChangeError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::WrongPassword => Self::WrongPassword,
            ProofError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            ProofError::Failure(failure) => Self::Failure(failure),
        }
    }
}

/// Changes a password; requires the current one.
pub struct PasswordChange {
    pub(crate) directory: Arc<Directory>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) sessions: Arc<Sessions>,
}

impl PasswordChange {
    /// Changes the password, ends every other session with its access tokens, and invalidates password reset links. The
    /// caller's session and its tokens stay valid.
    ///
    /// # Errors
    /// See [`PasswordChangeError`].
    pub async fn change(
        &self,
        by: SessionOf,
        password: &Secret,
        new: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), PasswordChangeError> {
        let user = self
            .directory
            .user(by.user_id)
            .await?
            .ok_or(PasswordChangeError::NotFound)?;
        let verified = self.reauthentication.require_password(&user, password, now).await?;
        // After the current password was verified, so that nobody else learns the result.
        new_password::check(&self.hasher, new, known_of(&user), &self.settings.password)
            .await
            .map_err(Failure::from)?
            .map_err(PasswordChangeError::Password)?;
        if new.expose() == password.expose() {
            return Err(PasswordChangeError::Unchanged);
        }
        let hash = self.hasher.hash(new).await.map_err(Failure::from)?;

        let tx = self.postgres.transaction("password_change").await?;
        users::find_for_update(&tx, user.id).await?;
        // The session may have been ended meanwhile, for example by a password reset, which must not be undone.
        let open = sessions::find(&tx, by.session_id, now).await?;
        if open.is_none_or(|session| session.user_id != user.id) {
            return Err(PasswordChangeError::NotFound);
        }
        if !users::change_password(&tx, user.id, verified, &hash, now).await? {
            return Err(PasswordChangeError::WrongPassword);
        }
        let others = sessions::Scope::Others(by.session_id);
        let ended = sessions::end(&tx, user.id, others, "password_change", now).await?;
        reset_tokens::use_all(&tx, user.id, now).await?;
        AuditRecord::by(user.id, Event::PasswordChanged, origin)
            .session(by.session_id)
            .with("sessions", ended.len())
            .insert(&tx, &self.metrics, now)
            .await?;
        self.mail
            .insert(&tx, Recipient::of(&user), Message::PasswordChanged, None, now)
            .await?;
        let revocations = self.sessions.record_ended(&tx, &ended, now).await?;
        tx.commit().await?;
        self.sessions
            .publish(&revocations, ended.len(), "password_change")
            .await;
        Ok(())
    }
}
