//! What an operator does for somebody who lost every factor.

use time::OffsetDateTime;

use super::{Method, MfaStatus};
use crate::accounts::mail::Letter;
use crate::accounts::origin::Happening;
use crate::accounts::{Accounts, OperatorError, Origin};
use crate::store::audit::Event;
use crate::store::users::{self, User};
use crate::store::{StoreError, factors};

impl Accounts {
    /// Which second factors somebody has.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn second_factors(&self, user: &User) -> Result<MfaStatus, StoreError> {
        self.status(&self.postgres, user).await
    }

    /// Removes every second factor of an account; `false` when it had none. The owner is written: who talked an operator
    /// into this may not be the owner.
    ///
    /// # Errors
    /// When the account is gone, or PostgreSQL away.
    pub async fn reset_mfa(&self, user: &User, now: OffsetDateTime) -> Result<bool, OperatorError> {
        let tx = self.postgres.transaction("mfa_reset").await?;
        let user = users::find_for_update(&tx, user.id)
            .await?
            .filter(|user| user.deleted_at.is_none())
            .ok_or_else(|| OperatorError::NotFound(user.email.clone()))?;
        let had_totp = factors::delete(&tx, user.id).await?;
        let had_email = user.mfa_email_enabled_at.is_some();
        factors::delete_recovery_codes(&tx, user.id).await?;
        users::set_mfa_email(&tx, user.id, None).await?;
        let had = [(had_totp, Method::Totp.word()), (had_email, "email")];
        for (_, method) in had.into_iter().filter(|(had, _)| *had) {
            Happening::to(Some(user.id), Event::MfaRemoved, &Origin::default())
                .with("method", method)
                .with("by", "operator")
                .insert(&tx, &self.metrics, now)
                .await?;
            let letter = Letter::MfaRemoved {
                method: method.to_owned(),
            };
            self.tell(&tx, &user, letter, now).await?;
        }
        tx.commit().await?;
        Ok(had_totp || had_email)
    }
}
