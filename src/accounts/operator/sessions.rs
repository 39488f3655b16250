//! Ends sessions for an operator.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::{gone, held};
use crate::accounts::sessions::end::Sessions;
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::sessions;
use crate::store::users::{self, User};

/// Ends the sessions of an account for an operator.
pub struct AccountSessions {
    pub(crate) postgres: Postgres,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccountSessions {
    /// Ends all sessions of a user; returns how many were active.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn revoke_all(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<usize, OperatorError> {
        let tx = self.postgres.transaction("user_revoke_sessions").await?;
        let user = held(&tx, user.id, by).await?;
        let version = users::outdate(&tx, user.id).await?.ok_or_else(|| gone(user.id))?;
        let entries = self.sessions.end_all(&tx, user.id, version, "admin", now).await?;
        let ended = entries.len() - 1;
        by.audit(user.id, Event::SessionsRevoked)
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions.publish(&entries, ended, "admin").await;
        Ok(ended)
    }

    /// Ends a session, or only if it belongs to a certain user; `false` if there is no such active session.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable, or the operator may not.
    pub async fn revoke_one(
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
        let ended = sessions::end(&tx, user.id, sessions::Scope::This(session_id), "admin", now).await?;
        if ended.is_empty() {
            // It was ended meanwhile.
            return Ok(false);
        }
        by.audit(user.id, Event::SessionRevoked)
            .session(session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        let revocations = self.sessions.record_ended(&tx, &ended, now).await?;
        tx.commit().await?;
        self.sessions.publish(&revocations, ended.len(), "admin").await;
        Ok(true)
    }
}
