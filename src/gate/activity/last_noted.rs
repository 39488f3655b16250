//! The time at which a token was last recorded as active.

use std::sync::atomic::{AtomicU32, Ordering};

/// The interval between two activity events of a token, in seconds: "last seen" is this accurate.
const EVERY: u32 = 15;

/// The time at which the token was last recorded, in Unix seconds. Stored beside the cached identity.
#[derive(Debug, Default)]
pub(in crate::gate) struct LastNoted(AtomicU32);

impl LastNoted {
    /// Whether to record an event now. If so, it is `false` for everybody else until the interval is over.
    pub(super) fn is_due(&self, now: u32) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        now.saturating_sub(last) >= EVERY
            && self
                .0
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_noted_once_in_a_while_and_not_at_every_request() {
        let noted = LastNoted::default();
        let due = (1_000..1_100).filter(|now| noted.is_due(*now)).collect::<Vec<_>>();
        assert_eq!(due, [1_000, 1_015, 1_030, 1_045, 1_060, 1_075, 1_090]);
        assert!(!noted.is_due(0), "a clock that went back is no news");
    }
}
