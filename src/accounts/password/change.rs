//! Changes the password of a signed-in user, after a re-authentication.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::accounts::password::hasher::Hasher;
use crate::accounts::password::new_password;
use crate::accounts::password::prepare::prepared;
use crate::accounts::password::rules::{Weakness, known_of};
use crate::accounts::reauthentication::error::ReauthenticationError;
use crate::accounts::reauthentication::{Counted, Proof, Reauthentication};
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::{StoreError, reset_tokens, sessions, users};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    /// The account or the session has ended.
    #[error("there is no such session")]
    NotFound,
    /// The re-authentication failed.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationError),
    /// The new password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// The new password is the current one.
    #[error("the new password is the current one")]
    Unchanged,
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for PasswordChangeError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Changes a password, after a re-authentication.
pub struct PasswordChange {
    pub(crate) settings: Arc<Settings>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) hasher: Arc<Hasher>,
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
        proof: Proof<'_>,
        new: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), PasswordChangeError> {
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::WithSignIns, now)
            .await?;
        // After the current password was verified, so that nobody else learns the result.
        new_password::check(&self.hasher, new, known_of(&verified.user), &self.settings.password)
            .await
            .map_err(Failure::from)?
            .map_err(PasswordChangeError::Password)?;
        if prepared(new.expose()) == prepared(proof.password.expose()) {
            return Err(PasswordChangeError::Unchanged);
        }
        let hash = self.hasher.hash(new).await.map_err(Failure::from)?;

        let operation = "password_change";
        let (tx, user) = self.reauthentication.hold(operation, verified, origin, now).await?;
        if !users::change_password(&tx, user.id, &hash, now).await? {
            return Err(PasswordChangeError::NotFound);
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
