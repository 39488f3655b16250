//! Counting alone, while Redis is away.

use std::time::Duration;

use time::OffsetDateTime;

/// A sliding window out of two fixed ones: the share of the last one that still lies in the window counts. It assumes an
/// even spread in the last window, which is close enough while Redis is away.
#[derive(Debug, Default)]
pub(super) struct Window {
    started_ms: i64,
    current: u32,
    last: u32,
}

impl Window {
    /// Whether one more fits, how many are left, and until when the caller should wait.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and times are small"
    )]
    pub(super) fn take(&mut self, limit: u32, length: Duration, now: OffsetDateTime) -> (bool, u32, Duration) {
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        let now_ms = (now.unix_timestamp_nanos() / 1_000_000) as i64;
        let start = now_ms - now_ms.rem_euclid(length_ms);
        if start != self.started_ms {
            self.last = if start - self.started_ms == length_ms {
                self.current
            } else {
                0
            };
            self.current = 0;
            self.started_ms = start;
        }
        let share = 1.0 - (now_ms - start) as f64 / length_ms as f64;
        let used = f64::from(self.last) * share + f64::from(self.current);
        let reset = Duration::from_millis((start + length_ms - now_ms).max(1) as u64);
        if used + 1.0 > f64::from(limit) {
            return (false, 0, reset);
        }
        self.current += 1;
        (true, (f64::from(limit) - used - 1.0) as u32, reset)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_lets_the_limit_pass_and_refuses_the_next() {
        let mut window = Window::default();
        for left in (0..5).rev() {
            assert_eq!(window.take(5, MINUTE, START).1, left);
        }
        assert!(!window.take(5, MINUTE, START).0);
    }

    #[test]
    fn a_full_window_is_not_forgotten_at_its_edge() {
        let mut window = Window::default();
        for _ in 0..5 {
            window.take(5, MINUTE, START + Duration::from_secs(59));
        }
        assert!(
            !window.take(5, MINUTE, START + Duration::from_secs(61)).0,
            "ten in two seconds would be twice the limit"
        );
        assert!(window.take(5, MINUTE, START + Duration::from_secs(119)).0);
        assert!(window.take(5, MINUTE, START + Duration::from_secs(600)).0);
    }
}
