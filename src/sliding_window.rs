//! Counts requests in a sliding window, on this instance only, for a limit whose store is unreachable.

use std::time::Duration;

use time::OffsetDateTime;

/// A sliding window of two fixed ones: the earlier one counts by the share of it that is still in the sliding window.
/// This assumes that its requests were evenly distributed, which is accurate enough during an outage.
#[derive(Debug, Default, Clone, Copy)]
pub struct SlidingWindow {
    /// When the current window began, in Unix milliseconds.
    started: i64,
    present: u32,
    earlier: u32,
}

/// The result of counting a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it is within the limit.
    pub allowed: bool,
    /// The number of requests left.
    pub remaining: u32,
    /// The time until the current window ends.
    pub reset: Duration,
}

impl SlidingWindow {
    /// Counts a request, if it is within `limit` per `length`.
    pub fn take(&mut self, limit: u32, length: Duration, now: OffsetDateTime) -> Taken {
        let (started, length, passed) = position(length, now);
        if started != self.started {
            self.earlier = if started - self.started == length {
                self.present
            } else {
                0
            };
            self.present = 0;
            self.started = started;
        }
        // Each request counts as `length`, so that the share of one is a whole number.
        let used =
            i128::from(self.earlier) * i128::from(length - passed) + i128::from(self.present) * i128::from(length);
        let left = i128::from(limit) * i128::from(length) - used;
        let allowed = left >= i128::from(length);
        self.present += u32::from(allowed);
        let remaining = (left / i128::from(length) - 1).max(0);
        Taken {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_millis(u64::try_from(length - passed).unwrap_or(1)),
        }
    }

    /// Whether everything that was counted is outside the sliding window.
    pub fn is_over(&self, length: Duration, now: OffsetDateTime) -> bool {
        let (started, length, _) = position(length, now);
        started.saturating_sub(self.started) > length
    }
}

/// The start of the fixed window around `now`, its length, and the time since its start, in milliseconds.
fn position(length: Duration, now: OffsetDateTime) -> (i64, i64, i64) {
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
    let now = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let passed = now.rem_euclid(length);
    (now - passed, length, passed)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_lets_the_limit_pass_and_refuses_the_next() {
        let mut window = SlidingWindow::default();
        for left in (0..5).rev() {
            assert_eq!(window.take(5, MINUTE, START).remaining, left);
        }
        assert!(!window.take(5, MINUTE, START).allowed);
    }

    #[test]
    fn a_full_window_is_not_forgotten_at_its_edge() {
        let mut window = SlidingWindow::default();
        for _ in 0..5 {
            window.take(5, MINUTE, START + Duration::from_secs(59));
        }
        assert!(
            !window.take(5, MINUTE, START + Duration::from_secs(61)).allowed,
            "ten in two seconds would be twice the limit"
        );
        assert!(window.take(5, MINUTE, START + Duration::from_secs(119)).allowed);
        assert!(window.take(5, MINUTE, START + Duration::from_secs(600)).allowed);
    }

    #[test]
    fn an_earlier_window_counts_by_the_part_of_it_that_is_still_covered() {
        let mut window = SlidingWindow::default();
        for _ in 0..4 {
            window.take(4, MINUTE, START + Duration::from_secs(59));
        }
        let mut later = |seconds| window.take(4, MINUTE, START + Duration::from_secs(seconds)).allowed;
        assert!(!later(60), "a second later nothing is forgotten");
        assert!(later(90), "half a window later half of it is");
        assert!(later(90));
        assert!(!later(90));
    }

    #[test]
    fn a_window_is_over_when_nothing_of_it_counts_any_more() {
        let mut window = SlidingWindow::default();
        window.take(4, MINUTE, START + Duration::from_secs(59));
        assert!(!window.is_over(MINUTE, START + Duration::from_secs(119)));
        assert!(window.is_over(MINUTE, START + Duration::from_secs(120)));
    }

    #[test]
    fn the_largest_limit_and_the_longest_window_overflow_nothing() {
        let mut window = SlidingWindow::default();
        let taken = window.take(u32::MAX, Duration::MAX, START);
        assert!(taken.allowed && taken.remaining == u32::MAX - 1);
    }
}
