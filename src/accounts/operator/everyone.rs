//! Ends the sessions of all accounts for an operator: after an incident, everybody has to sign in again.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::sessions::end::Sessions;
use crate::audit::AuditRecord;
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::sessions;

/// The accounts of one transaction: its locks are held for some ten milliseconds.
const BATCH: u32 = 500;
/// The transactions of one call, so that a request ends within seconds.
const BATCHES: usize = 20;

/// What a call has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedForAll {
    /// The number of accounts whose sessions were ended.
    pub accounts: usize,
    /// The number of their sessions.
    pub sessions: usize,
    /// Whether no account is left with a session that was open when the call began. Otherwise it has to be repeated.
    pub is_complete: bool,
}

/// Ends the sessions of all accounts for an operator.
pub struct EveryonesSessions {
    pub(crate) postgres: Postgres,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
}

impl EveryonesSessions {
    /// Ends the sessions of up to 10,000 accounts, and outdates their access tokens. The operator's own account is left
    /// out, so that the call can be repeated.
    ///
    /// # Errors
    /// When the operator lacks `sidegate:admin`, or PostgreSQL is unreachable: what was ended before stays ended.
    pub async fn end(&self, by: &Operator, now: OffsetDateTime) -> Result<EndedForAll, OperatorError> {
        if !by.is_admin() {
            return Err(OperatorError::AdminRequired);
        }
        let mut total = EndedForAll::default();
        let mut after = Uuid::nil();
        for _ in 0..BATCHES {
            let mut user_ids = sessions::users_with_open(&self.postgres, after, BATCH).await?;
            let Some(last) = user_ids.last() else {
                total.is_complete = true;
                break;
            };
            after = *last;
            user_ids.retain(|id| Some(*id) != by.user_id());
            if user_ids.is_empty() {
                continue;
            }
            total.sessions += self.end_batch(&user_ids, by, now).await?;
            total.accounts += user_ids.len();
        }
        Ok(total)
    }

    async fn end_batch(&self, user_ids: &[Uuid], by: &Operator, now: OffsetDateTime) -> Result<usize, OperatorError> {
        let tx = self.postgres.transaction("sessions_end_everyone").await?;
        let (recorded, ended) = self.sessions.end_many(&tx, user_ids, "admin", now).await?;
        let everyone = AuditRecord {
            actor_id: by.user_id(),
            ..AuditRecord::to(None, Event::SessionsRevoked, by.origin())
        };
        everyone
            .with("scope", "everyone")
            .with("accounts", user_ids.len())
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions.publish(&recorded, ended, "admin").await;
        Ok(ended)
    }
}
