//! An audit entry that is to be written.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::Origin;
use crate::metrics::Metrics;
use crate::store::audit::{self, Event, Outcome};
use crate::store::postgres::Executor;
use crate::store::{StoreError, id};

/// An audit entry, to be written in the transaction of the change it records.
#[derive(Debug, Clone)]
pub struct AuditRecord<'a> {
    pub(crate) event: Event,
    pub(crate) outcome: Outcome,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) data: Map<String, Value>,
    pub(crate) origin: &'a Origin,
}

impl<'a> AuditRecord<'a> {
    /// An entry for what a user did with their own account.
    pub(crate) fn by(user_id: Uuid, event: Event, origin: &'a Origin) -> Self {
        Self {
            event,
            outcome: Outcome::Success,
            actor_id: Some(user_id),
            user_id: Some(user_id),
            session_id: None,
            data: Map::new(),
            origin,
        }
    }

    /// An entry without an actor: a failed sign-in, or the command line.
    pub(crate) fn to(user_id: Option<Uuid>, event: Event, origin: &'a Origin) -> Self {
        Self {
            event,
            outcome: Outcome::Success,
            actor_id: None,
            user_id,
            session_id: None,
            data: Map::new(),
            origin,
        }
    }

    pub(crate) fn failed(self) -> Self {
        Self {
            outcome: Outcome::Failure,
            ..self
        }
    }

    pub(crate) fn session(self, session_id: Uuid) -> Self {
        Self {
            session_id: Some(session_id),
            ..self
        }
    }

    /// Adds a detail; never a token, a password or a code.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) async fn insert(
        self,
        db: &impl Executor,
        metrics: &Metrics,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let entry = audit::Entry {
            id: id::new(now),
            at: now,
            event: self.event,
            outcome: self.outcome,
            actor_id: self.actor_id,
            user_id: self.user_id,
            session_id: self.session_id,
            address: self.origin.address,
            user_agent: self.origin.user_agent(),
            request_id: self.origin.request_id.clone(),
            data: self.data,
        };
        audit::insert(db, &entry).await?;
        metrics.audit_events.with_label_values(&[self.event.as_str()]).inc();
        Ok(())
    }
}
