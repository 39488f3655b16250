//! Records activity events, for "last seen" and presence. A request costs one atomic load: only if its token was not
//! recorded for a while, an event is put into a bounded queue, and dropped if the queue is full. `app/activity.rs`
//! writes the events to the stores; nothing here waits.

mod last_noted;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header};
use time::OffsetDateTime;
use tokio::sync::mpsc;

pub(super) use self::last_noted::LastNoted;
use super::caller::Caller;
use crate::store::sessions_seen::{Seen, Sign};

/// The capacity of the queue: with one event per token and fifteen seconds, more than is recorded between two writes.
const QUEUE: usize = 8192;
/// The longest user agent that is stored, in bytes.
const USER_AGENT_MAX: usize = 256;

/// The sender of the queue.
#[derive(Debug, Clone)]
pub struct Activity {
    queue: mpsc::Sender<Sign>,
    only: Option<Arc<str>>,
}

impl Activity {
    /// A queue. An issuer records only its own sessions, because those of other issuers are not in its lists. A
    /// verifier does not know which issuer reads the lists, and records all (`only: None`).
    pub fn new(only: Option<&str>) -> (Self, mpsc::Receiver<Sign>) {
        let (queue, signs) = mpsc::channel(QUEUE);
        let only = only.map(Arc::from);
        (Self { queue, only }, signs)
    }

    /// Records a request of `caller`.
    pub fn note(&self, caller: &Caller, address: Option<IpAddr>, headers: &HeaderMap, now: OffsetDateTime) {
        let seconds = u32::try_from(now.unix_timestamp()).unwrap_or(0);
        if caller.last_noted.is_due(seconds) {
            let identity = &caller.identity;
            self.send(
                &identity.issuer,
                identity.subject(),
                identity.session(),
                address,
                headers,
                now,
            );
        }
    }

    /// Records a call of `/auth`. These are rare enough to be recorded each time.
    pub fn note_call(
        &self,
        issuer: &str,
        subject: &str,
        session: Option<&str>,
        address: IpAddr,
        headers: &HeaderMap,
        now: OffsetDateTime,
    ) {
        self.send(issuer, subject, session, Some(address), headers, now);
    }

    fn send(
        &self,
        issuer: &str,
        subject: &str,
        session: Option<&str>,
        address: Option<IpAddr>,
        headers: &HeaderMap,
        now: OffsetDateTime,
    ) {
        // Ids of other issuers can be anything; ours are UUIDs, and Redis keys contain them.
        let ids = (subject.parse(), session.map(str::parse));
        let (Ok(user), Some(Ok(session))) = ids else { return };
        if self.only.as_deref().is_some_and(|only| only != issuer) {
            return;
        }
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let seen = Seen {
            at: now,
            address,
            // `to_str` accepts printable ASCII only, so that cutting at a byte cuts at a character.
            user_agent: agent.map(|agent| agent[..agent.len().min(USER_AGENT_MAX)].to_owned()),
        };
        // The queue is full, because the stores are unreachable or slow. The session's next event replaces this one.
        let _ = self.queue.try_send(Sign { user, session, seen });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_delays_no_request_and_events_of_other_issuers_are_not_recorded() {
        let (activity, mut signs) = Activity::new(Some("https://us"));
        let (user, session) = (
            uuid::Uuid::from_u128(1).to_string(),
            uuid::Uuid::from_u128(2).to_string(),
        );
        let call = |issuer: &str, subject: &str| {
            activity.note_call(
                issuer,
                subject,
                Some(&session),
                IpAddr::from([192, 0, 2, 1]),
                &HeaderMap::new(),
                OffsetDateTime::UNIX_EPOCH,
            );
        };
        call("https://other", &user);
        call("https://us", "not a uuid");
        assert!(signs.try_recv().is_err());
        for _ in 0..2 * QUEUE {
            call("https://us", &user);
        }
        assert_eq!(std::iter::from_fn(|| signs.try_recv().ok()).count(), QUEUE);
    }
}
