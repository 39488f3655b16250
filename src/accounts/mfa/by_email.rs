//! Emailed codes as a second factor, for users without an authenticator app.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::directory::Directory;
use crate::accounts::email::codes::{self, Codes, Purpose};
use crate::accounts::login::limits::windows::{Limits, Window};
use crate::accounts::mfa::error::MfaError;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::reauthentication::{Counted, Proof, Reauthentication};
use crate::accounts::sessions::access::SessionOf;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::factors;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};

/// Its name in messages.
const EMAIL: &str = "email";

/// Emailed codes as a second factor.
pub struct EmailFactor {
    pub(crate) mail: Arc<Queue>,
    pub(crate) factors: Arc<Factors>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) codes: Arc<Codes>,
}

impl EmailFactor {
    /// Enables or disables emailed codes, after a re-authentication. Idempotent.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn set(
        &self,
        by: SessionOf,
        proof: Proof<'_>,
        on: bool,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), MfaError> {
        if on && !self.mail.is_enabled() {
            return Err(MfaError::NoMail);
        }
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::Separately, now)
            .await?;
        let (tx, user) = self.reauthentication.hold("mfa_email", verified, origin, now).await?;
        if on && user.email_verified_at.is_none() {
            return Err(MfaError::EmailUnverified);
        }
        if on == user.mfa_email_enabled_at.is_some() {
            return Ok(());
        }
        users::set_mfa_email(&tx, user.id, on.then_some(now)).await?;
        let method = EMAIL.to_owned();
        let (event, message) = if on {
            (Event::MfaEmailEnabled, Message::MfaAdded { method })
        } else {
            if self.factors.status(&tx, &user).await?.totp_confirmed_at.is_none() {
                factors::delete_recovery_codes(&tx, user.id).await?;
            }
            (Event::MfaEmailDisabled, Message::MfaRemoved { method })
        };
        AuditRecord::by(user.id, event, origin)
            .session(by.session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        self.mail.tell(&tx, &user, message, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sends a code to a signed-in user who has enabled them, for a step-up.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn send_code(&self, by: SessionOf, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
        let user = self.directory.user(by.user_id).await?.ok_or(MfaError::NotFound)?;
        self.send_code_to(&user, origin, now).await
    }

    /// Creates a code and queues its message.
    pub(crate) async fn send_code_to(&self, user: &User, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
        if !self.factors.mails_codes(user) {
            return Err(MfaError::NotEnabled);
        }
        // Somebody with the password must not be able to flood the mailbox. Counted separately from attempts, which
        // each message may need.
        let key = format!("mail:{}", user.id);
        self.limits.take(Window::Mfa, origin.address, Some(&key), now).await?;
        let code = self.codes.create(Purpose::Mfa, user.id, "").await?;
        let to = Recipient {
            user_id: Some(user.id),
            email: user.email.clone(),
            name: user.username.clone(),
        };
        let message = Message::MfaCode {
            code: code.expose().to_owned(),
        };
        self.mail
            .insert(&self.postgres, to, message, Some(codes::LIFE), now)
            .await?;
        Ok(())
    }
}
