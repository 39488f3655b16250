//! The circuit breaker: while Redis does not answer, calls fail at once.
//!
//! A Redis behind a network that drops packets costs each call its whole timeout. Without the breaker every request on a
//! verifier with a stale view would wait for it, and a sign-in several times. After a few timeouts in a row only a probe
//! in the background still asks, and its first answer closes the circuit again.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The number of consecutive timeouts that opens the circuit: one alone can be a slow command or a lost packet.
const TIMEOUTS: u32 = 3;
/// The pause between two probes. With the timeout of a call, it is how long calls still fail after Redis has returned.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(100);

/// Counts consecutive timeouts.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    timeouts: AtomicU32,
}

impl Breaker {
    /// Whether calls have to fail at once.
    pub(super) fn is_open(&self) -> bool {
        self.timeouts.load(Ordering::Relaxed) >= TIMEOUTS
    }

    /// Redis answered, if only with an error. Returns whether this closed the circuit.
    pub(super) fn answered(&self) -> bool {
        // Most calls find zero and write nothing.
        self.timeouts.load(Ordering::Relaxed) > 0 && self.timeouts.swap(0, Ordering::Relaxed) >= TIMEOUTS
    }

    /// Redis did not answer. Returns whether this opened the circuit.
    pub(super) fn timed_out(&self) -> bool {
        // Thousands of calls can be waiting when it opens, but not four thousand millions.
        self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 == TIMEOUTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_timeouts_open_the_circuit_once_and_an_answer_closes_it() {
        let breaker = Breaker::default();
        assert!(!breaker.timed_out() && !breaker.timed_out() && !breaker.is_open());
        assert!(breaker.timed_out() && breaker.is_open());
        assert!(!breaker.timed_out(), "it is open already");
        assert!(breaker.answered() && !breaker.is_open());
        assert!(!breaker.answered(), "it is closed already");
    }

    #[test]
    fn timeouts_with_answers_between_them_do_not_open_the_circuit() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            assert!(!breaker.timed_out() && !breaker.timed_out());
            assert!(!breaker.answered());
        }
        assert!(!breaker.is_open());
    }
}
