//! Concurrent refreshes with the same token on this instance: one of them queries PostgreSQL, the others wait for its
//! result.
//!
//! Otherwise two hundred browser tabs that wake up at the same time would occupy every connection of the pool, each
//! waiting for the same row, and sign-ins would find none free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::accounts::sessions::pair::Pair;

/// The result of the first one.
#[derive(Default)]
pub(crate) enum Landed {
    /// None yet: the caller that holds the lock is the first.
    #[default]
    NotYet,
    /// The response for all.
    Answer(Pair),
    /// Failed; each of the others tries by itself, and none waits for the timeout of another.
    Nothing,
}

type Flight = tokio::sync::Mutex<Landed>;

/// The refreshes in progress.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<[u8; 32], Arc<Flight>>>);

/// Participation in one; the first to leave closes it, so that later requests start a new one.
pub(crate) struct Joined<'a> {
    flights: &'a Flights,
    hash: [u8; 32],
    pub(crate) flight: Arc<Flight>,
}

impl Flights {
    /// Joins the refresh of this token, or starts one.
    pub(crate) fn join(&self, hash: [u8; 32]) -> Joined<'_> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(open.entry(hash).or_default());
        Joined {
            flights: self,
            hash,
            flight,
        }
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let mut open = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open
            .get(&self.hash)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            open.remove(&self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concurrent_refreshes_share_a_result_and_later_ones_do_not() {
        let flights = Flights::default();
        let (one, two) = (flights.join([1; 32]), flights.join([1; 32]));
        assert!(Arc::ptr_eq(&one.flight, &two.flight));
        assert!(
            !Arc::ptr_eq(&one.flight, &flights.join([2; 32]).flight),
            "another token"
        );
        drop(one);
        let later = flights.join([1; 32]);
        assert!(!Arc::ptr_eq(&two.flight, &later.flight), "the first has left");
        drop(two);
        assert!(
            Arc::ptr_eq(&later.flight, &flights.join([1; 32]).flight),
            "another's end is not its end"
        );
    }
}
