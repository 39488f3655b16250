//! Whether an account may be used: locked, deleted, in want of a new password.

use time::OffsetDateTime;
use uuid::Uuid;

use super::super::Accounts;
use super::super::origin::Happening;
use super::{Operator, OperatorError, gone, held};
use crate::store::audit::Event;
use crate::store::users::{self, User};

impl Accounts {
    /// Locks an account, until an instant or until it is unlocked, and ends its sessions.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn lock(
        &self,
        user: &User,
        until: Option<OffsetDateTime>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), OperatorError> {
        by.not_oneself(user)?;
        let tx = self.postgres.transaction("user_lock").await?;
        let user = held(&tx, user.id, by).await?;
        let entries = self.end_all(&tx, user.id, "locked", now).await?;
        users::lock(&tx, user.id, until, now).await?;
        Happening::of(by, user.id, Event::UserLocked)
            .with("until", until.map(OffsetDateTime::unix_timestamp))
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "admin").await;
        Ok(())
    }

    /// Unlocks an account, whoever locked it.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn unlock(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<(), OperatorError> {
        let tx = self.postgres.transaction("user_unlock").await?;
        let user = held(&tx, user.id, by).await?;
        users::unlock(&tx, user.id).await?;
        Happening::of(by, user.id, Event::UserUnlocked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Wants a new password before the next sign-in, and ends all sessions.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn require_password_reset(
        &self,
        user: &User,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), OperatorError> {
        let tx = self.postgres.transaction("user_require_password_reset").await?;
        let user = held(&tx, user.id, by).await?;
        let entries = self.end_all(&tx, user.id, "admin", now).await?;
        users::require_password_reset(&tx, user.id, now).await?;
        Happening::of(by, user.id, Event::PasswordResetRequired)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "admin").await;
        Ok(())
    }

    /// Deletes an account and ends its sessions. The row stays and can be brought back; its names become free.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn delete_user(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<(), OperatorError> {
        by.not_oneself(user)?;
        let tx = self.postgres.transaction("user_delete").await?;
        let user = held(&tx, user.id, by).await?;
        let entries = self.end_all(&tx, user.id, "account_deleted", now).await?;
        users::soft_delete(&tx, user.id, now).await?;
        Happening::of(by, user.id, Event::UserDeleted)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "account_deleted").await;
        Ok(())
    }

    /// Brings a deleted account back.
    ///
    /// # Errors
    /// When there is none, it is not deleted, its names were given away, or the operator may not.
    pub async fn restore(&self, user_id: Uuid, by: &Operator, now: OffsetDateTime) -> Result<User, OperatorError> {
        let tx = self.postgres.transaction("user_restore").await?;
        let user = users::find_for_update(&tx, user_id)
            .await?
            .ok_or_else(|| gone(user_id))?;
        by.may_touch(&user)?;
        if user.deleted_at.is_none() {
            return Err(OperatorError::NotDeleted);
        }
        let user = users::restore(&tx, user_id).await?.ok_or_else(|| gone(user_id))?;
        Happening::of(by, user_id, Event::UserRestored)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(user)
    }
}
