//! The status of an account: locked, deleted, password change required.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::link_token::Kind;
use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::{gone, held};
use crate::accounts::sessions::end::Sessions;
use crate::accounts::settings::Settings;
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::reset_tokens::{self, ResetToken};
use crate::store::users::{self, User};
use crate::store::{StoreError, id};

/// Locks, unlocks, deletes and restores accounts.
pub struct AccountStanding {
    pub(crate) postgres: Postgres,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) settings: Arc<Settings>,
}

impl AccountStanding {
    /// Locks an account until a time or until it is unlocked, and ends its sessions.
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
        let version = users::lock(&tx, user.id, until).await?.ok_or_else(|| gone(user.id))?;
        let entries = self.sessions.end_all(&tx, user.id, version, "locked", now).await?;
        by.audit(user.id, Event::UserLocked)
            .with("until", until.map(OffsetDateTime::unix_timestamp))
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions.publish(&entries, entries.len() - 1, "admin").await;
        Ok(())
    }

    /// Unlocks an account, also if wrong passwords locked it.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn unlock(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<(), OperatorError> {
        let tx = self.postgres.transaction("user_unlock").await?;
        let user = held(&tx, user.id, by).await?;
        users::unlock(&tx, user.id).await?;
        by.audit(user.id, Event::UserUnlocked)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Requires a password change at the next sign-in, and ends all sessions. If `auth.mail` is configured, the user
    /// gets an email with a link.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn require_password_reset(
        &self,
        user: &User,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), OperatorError> {
        by.not_oneself(user)?;
        let tx = self.postgres.transaction("user_require_password_reset").await?;
        let user = held(&tx, user.id, by).await?;
        let version = users::require_password_reset(&tx, user.id, now).await?;
        let version = version.ok_or_else(|| gone(user.id))?;
        let entries = self.sessions.end_all(&tx, user.id, version, "admin", now).await?;
        if self.mail.is_enabled() {
            self.email_reset_link(&tx, &user, by, now).await?;
        }
        by.audit(user.id, Event::PasswordResetRequired)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions.publish(&entries, entries.len() - 1, "admin").await;
        Ok(())
    }

    async fn email_reset_link(
        &self,
        tx: &Transaction,
        user: &User,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let ttl = self.settings.password_reset.ttl;
        let (token, token_hash) = Kind::PasswordReset.make();
        let row = ResetToken {
            id: id::new(now),
            user_id: user.id,
            address: by.origin().address,
            created_at: now,
            expires_at: now + ttl,
        };
        let message = Message::PasswordReset {
            token: token.expose().to_owned(),
        };
        reset_tokens::insert(tx, &row, &token_hash).await?;
        self.mail
            .insert(tx, Recipient::of(user), message, Some(ttl), now)
            .await
            .map(drop)
    }

    /// Deletes an account and ends its sessions. It can be restored; its email address and username can be used by
    /// other accounts.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn delete(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<(), OperatorError> {
        by.not_oneself(user)?;
        let tx = self.postgres.transaction("user_delete").await?;
        let user = held(&tx, user.id, by).await?;
        let version = users::soft_delete(&tx, user.id, now).await?;
        let version = version.ok_or_else(|| gone(user.id))?;
        let entries = self
            .sessions
            .end_all(&tx, user.id, version, "account_deleted", now)
            .await?;
        by.audit(user.id, Event::UserDeleted)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions
            .publish(&entries, entries.len() - 1, "account_deleted")
            .await;
        Ok(())
    }

    /// Restores a deleted account.
    ///
    /// # Errors
    /// When there is none, it is not deleted, another account uses its email address or username, or the operator may
    /// not do it.
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
        by.audit(user_id, Event::UserRestored)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(user)
    }
}
