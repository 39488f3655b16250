//! Limits how often something is logged: a flood must not become a flood of lines.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Says once a second that a line is due.
#[derive(Debug)]
pub struct OncePerSecond {
    begun: Instant,
    /// The second after `begun` from which on a line is due.
    due: AtomicU64,
}

impl Default for OncePerSecond {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            due: AtomicU64::new(0),
        }
    }
}

impl OncePerSecond {
    /// Whether a line is due; true at most once in a second.
    pub fn is_due(&self) -> bool {
        let now = self.begun.elapsed().as_secs();
        let due = self.due.load(Ordering::Relaxed);
        now >= due
            && self
                .due
                .compare_exchange(due, now + 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_at_once_one_is_due() {
        let limit = OncePerSecond::default();
        assert!(limit.is_due());
        let more = (0..100).filter(|_| limit.is_due()).count();
        assert!(more <= 1, "{more}");
    }
}
