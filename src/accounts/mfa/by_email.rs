//! Codes by mail as a second factor, for those who have no authenticator.

use time::OffsetDateTime;

use crate::accounts::mfa::factors::MfaError;
use crate::accounts::origin::AuditRecord;
use crate::accounts::{Accounts, Origin, SessionOf};
use crate::mail::Letter;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::{factors, users};

/// What letters call it.
const EMAIL: &str = "email";

impl Accounts {
    /// Turns mailed codes on or off. On twice, or off twice, is no mistake.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn set_mfa_email(
        &self,
        by: SessionOf,
        password: &Secret,
        on: bool,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), MfaError> {
        if on && !self.sends_mail() {
            return Err(MfaError::NoMail);
        }
        let seen = self.password_again(by.user_id, password, now).await?;
        let tx = self.postgres.transaction("mfa_email").await?;
        let user = self.hold(&tx, by.user_id).await?;
        if user.password_hash != seen.password_hash {
            return Err(MfaError::WrongPassword);
        }
        if on && user.email_verified_at.is_none() {
            return Err(MfaError::EmailUnverified);
        }
        if on == user.mfa_email_enabled_at.is_some() {
            return Ok(());
        }
        users::set_mfa_email(&tx, user.id, on.then_some(now)).await?;
        let method = EMAIL.to_owned();
        let (event, letter) = if on {
            (Event::MfaEmailEnabled, Letter::MfaAdded { method })
        } else {
            if self.status(&tx, &user).await?.totp_confirmed_at.is_none() {
                factors::delete_recovery_codes(&tx, user.id).await?;
            }
            (Event::MfaEmailDisabled, Letter::MfaRemoved { method })
        };
        AuditRecord::by(user.id, event, origin)
            .session(by.session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        self.tell(&tx, &user, letter, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Mails a code to somebody signed in, who turned that on and is asked for a second factor again.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn mail_mfa_code(&self, by: SessionOf, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
        let user = self.user(by.user_id).await?.ok_or(MfaError::NotFound)?;
        self.mail_code(&user, origin, now).await
    }
}
