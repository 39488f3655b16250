//! Where an action came from, and the audit entry that says so.

use std::net::IpAddr;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Operator;
use crate::metrics::Metrics;
use crate::store::audit::{self, Event, Outcome};
use crate::store::postgres::Executor;
use crate::store::{StoreError, id};

/// What a client calls itself may be as long as a header; a row keeps this much of it, in characters.
const USER_AGENT_MAX: usize = 256;

/// Where an action came from. On the command line all of it is unknown.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request's id, as it stands in the access log.
    pub request_id: Option<String>,
}

impl Origin {
    /// The user agent as a row keeps it: cut, and without the control characters that PostgreSQL (NUL) or a terminal
    /// (the rest) would trip over.
    pub(crate) fn user_agent(&self) -> Option<String> {
        let kept = |text: &String| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_MAX)
                .collect::<String>()
        };
        self.user_agent.as_ref().map(kept).filter(|text| !text.is_empty())
    }
}

/// Something that happened, to be written in the transaction in which it happens.
#[derive(Debug, Clone)]
pub(crate) struct AuditRecord<'a> {
    pub(crate) event: Event,
    pub(crate) outcome: Outcome,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) data: Map<String, Value>,
    pub(crate) origin: &'a Origin,
}

impl<'a> AuditRecord<'a> {
    /// Something a user did to their own account.
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

    /// Something that was done by nobody who is signed in: a failed login, an operator at the command line.
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

    /// Something that an operator did to an account.
    pub(crate) fn of(operator: &'a Operator, user_id: Uuid, event: Event) -> Self {
        Self {
            actor_id: operator.user_id,
            ..Self::to(Some(user_id), event, &operator.origin)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_kept_short_and_printable() {
        let kept = |text: &str| {
            Origin {
                user_agent: Some(text.to_owned()),
                ..Origin::default()
            }
            .user_agent()
        };
        assert_eq!(kept("curl/8\u{0}\u{1b}[31m"), Some("curl/8[31m".into()));
        assert_eq!(kept("\r\n"), None);
        assert_eq!(kept(&"x".repeat(1000)).map(|text| text.len()), Some(USER_AGENT_MAX));
    }
}
