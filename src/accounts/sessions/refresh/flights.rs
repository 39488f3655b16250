//! Equal refreshes that are under way at once on this instance: one asks PostgreSQL, the others wait for its answer.
//!
//! Two hundred tabs that wake up together would otherwise hold every connection of the pool, each waiting for the same
//! row, while logins find none free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::accounts::sessions::pair::Pair;

/// What the first of them found.
#[derive(Default)]
pub(crate) enum Landed {
    /// Nothing yet: whoever holds the lock is the first.
    #[default]
    NotYet,
    /// The answer for all.
    Answer(Pair),
    /// No answer; each asks for itself, and none waits for another's time-out.
    Nothing,
}

type Flight = tokio::sync::Mutex<Landed>;

/// Those under way.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<[u8; 32], Arc<Flight>>>);

/// Membership in one; the first to leave closes it, so that whoever comes later asks anew.
pub(crate) struct Joined<'a> {
    flights: &'a Flights,
    hash: [u8; 32],
    pub(crate) flight: Arc<Flight>,
}

impl Flights {
    /// Joins the one of this token, or begins it.
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
    async fn who_comes_together_shares_a_flight_and_who_comes_later_does_not() {
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
