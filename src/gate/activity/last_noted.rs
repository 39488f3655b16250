//! When a token was last noted as active.

use std::sync::atomic::{AtomicU32, Ordering};

/// Between two signs of life of one token, in seconds: how wrong "last seen" may be.
const EVERY: u32 = 15;

/// When a token's session was last noted, in Unix seconds. Lives beside the cached identity.
#[derive(Debug, Default)]
pub(in crate::gate) struct LastNoted(AtomicU32);

impl LastNoted {
    /// Whether it is time; then nobody else is told so for a while.
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
