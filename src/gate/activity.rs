//! Notes who is active, for "last seen" and "who is online". A request pays one atomic load for it: only when its token
//! was not noted for a while is a sign of life put into a bounded queue, and when that is full it is dropped. Whoever
//! empties the queue has the stores; nothing here waits.

mod last_noted;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header};
use time::OffsetDateTime;
use tokio::sync::mpsc;

pub(super) use self::last_noted::LastNoted;
use super::caller::Caller;
use crate::store::sessions_seen::{Seen, Sign};

/// Signs that wait. At one per token and fifteen seconds this is a burst that no flush of two seconds leaves behind.
const QUEUE: usize = 8192;
/// What a client calls itself may be as long as a header.
const USER_AGENT_MAX: usize = 256;

/// The queue's end that requests write to.
#[derive(Debug, Clone)]
pub struct Activity {
    queue: mpsc::Sender<Sign>,
    only: Option<Arc<str>>,
}

impl Activity {
    /// A queue. An issuer notes only its own sessions: those of another issuer are not in its lists. A verifier cannot
    /// tell whose lists it writes, and notes all (`only: None`).
    pub fn new(only: Option<&str>) -> (Self, mpsc::Receiver<Sign>) {
        let (queue, signs) = mpsc::channel(QUEUE);
        let only = only.map(Arc::from);
        (Self { queue, only }, signs)
    }

    /// Notes a request of `caller`.
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

    /// Notes a call of `/auth`, which is rare enough to be noted each time.
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
        // Ids of others may be anything; ours are UUIDs, and the keys in Redis are made of them.
        let ids = (subject.parse(), session.map(str::parse));
        let (Ok(user), Some(Ok(session))) = ids else { return };
        if self.only.as_deref().is_some_and(|only| only != issuer) {
            return;
        }
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let seen = Seen {
            at: now,
            address,
            // `to_str` lets only printable ASCII pass, so that a cut at a byte is a cut at a character.
            user_agent: agent.map(|agent| agent[..agent.len().min(USER_AGENT_MAX)].to_owned()),
        };
        // Full: the stores are away or slow. This sign is lost and the next one tells the same.
        let _ = self.queue.try_send(Sign { user, session, seen });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_holds_up_nobody_and_other_issuers_are_not_noted() {
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
