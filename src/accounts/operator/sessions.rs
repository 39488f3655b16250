//! Sessions of others, ended by an operator.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::accounts::operator::accounts::{Operator, OperatorError, held};
use crate::accounts::origin::AuditRecord;
use crate::store::audit::Event;
use crate::store::sessions;
use crate::store::users::{self, User};

impl Accounts {
    /// Ends all sessions of a user; returns how many were open.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn revoke_sessions(
        &self,
        user: &User,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<usize, OperatorError> {
        let tx = self.postgres.transaction("user_revoke_sessions").await?;
        let user = held(&tx, user.id, by).await?;
        let entries = self.end_all(&tx, user.id, "admin", now).await?;
        users::set_tokens_valid_after(&tx, user.id, now).await?;
        let ended = entries.len() - 1;
        AuditRecord::of(by, user.id, Event::SessionsRevoked)
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, ended, "admin").await;
        Ok(ended)
    }

    /// Ends one session, whosever it is, or only if it is of a certain user; `false` when there is no such open session.
    ///
    /// # Errors
    /// When PostgreSQL is away, or the operator may not.
    pub async fn revoke_session(
        &self,
        session_id: Uuid,
        of: Option<Uuid>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<bool, OperatorError> {
        let found = sessions::find(&self.postgres, session_id, now).await?;
        let Some(session) = found.filter(|session| of.is_none_or(|user| user == session.user_id)) else {
            return Ok(false);
        };
        let tx = self.postgres.transaction("session_revoke").await?;
        let user = held(&tx, session.user_id, by).await?;
        let ended = sessions::revoke(&tx, user.id, sessions::Scope::This(session_id), "admin", now).await?;
        if ended.is_empty() {
            // Somebody else ended it since.
            return Ok(false);
        }
        AuditRecord::of(by, user.id, Event::SessionRevoked)
            .session(session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&[self.session_ended(session_id, now)], ended.len(), "admin")
            .await;
        Ok(true)
    }
}
