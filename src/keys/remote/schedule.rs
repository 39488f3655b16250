//! When to fetch an issuer's keys next, and until when the known ones can be used. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// The interval between two fetches that unknown keys in tokens cause: a flood of invented key ids causes one fetch.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(10);
/// The lifetime of keys without `max-age`.
const FRESH: Duration = Duration::from_secs(300);
/// The accepted range of `max-age`.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// The longest pause after errors while there are known keys…
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// …and while there are none, because every second is an outage.
const LONGEST_BACKOFF_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// The schedule of one issuer's keys.
#[derive(Debug)]
pub(super) struct Schedule {
    stale_ok_for: Duration,
    next: Instant,
    attempted: Option<Instant>,
    succeeded: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// A schedule that fetches at once; `succeeded` is when the current keys were fetched from the same URL.
    pub(super) const fn new(now: Instant, succeeded: Option<Instant>, stale_ok_for: Duration) -> Self {
        Self {
            stale_ok_for,
            next: now,
            attempted: None,
            succeeded,
            failures: 0,
        }
    }

    /// The time of the next fetch.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// The time from which the known keys must not be used. Keys become stale only after a fetch has failed.
    pub(super) fn stale_at(&self) -> Option<Instant> {
        let succeeded = self.succeeded.filter(|_| self.failures > 0)?;
        Some(succeeded + self.stale_ok_for)
    }

    /// Whether a fetch has succeeded for the current keys.
    pub(super) const fn has_succeeded(&self) -> bool {
        self.succeeded.is_some()
    }

    /// Records that a fetch which began at `began` succeeded, and for how long the keys are fresh.
    pub(super) fn succeeded(&mut self, began: Instant, now: Instant, max_age: Option<Duration>) {
        // Several attempts have to fit between the last success and the end of the keys.
        let fresh = max_age.unwrap_or(FRESH).clamp(SHORTEST, LONGEST);
        self.next = now + fresh.min(self.stale_ok_for / 3).max(COOL_DOWN);
        self.attempted = Some(began);
        self.succeeded = Some(now);
        self.failures = 0;
    }

    /// Records that a fetch which began at `began` failed.
    pub(super) fn failed(&mut self, began: Instant, now: Instant) {
        let longest = if self.has_succeeded() {
            LONGEST_BACKOFF
        } else {
            LONGEST_BACKOFF_WITHOUT_KEYS
        };
        self.next = now + Duration::from_secs(1 << self.failures.min(10)).min(longest);
        self.attempted = Some(began);
        self.failures = self.failures.saturating_add(1);
    }

    /// Records that a token named an unknown key.
    pub(super) fn wanted(&mut self) {
        if let Some(attempted) = self.attempted {
            self.next = self.next.min(attempted + COOL_DOWN);
        }
    }

    /// Records that the keys are not used any more.
    pub(super) const fn dropped(&mut self) {
        self.succeeded = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_publisher_says_how_long_keys_are_fresh_within_limits() {
        let now = Instant::now();
        let fresh_for = |max_age| {
            let mut schedule = Schedule::new(now, None, DAY);
            schedule.succeeded(now, now, max_age);
            schedule.next() - now
        };
        assert_eq!(fresh_for(None), seconds(300));
        assert_eq!(fresh_for(Some(seconds(60))), seconds(60));
        assert_eq!(fresh_for(Some(seconds(0))), seconds(30));
        assert_eq!(fresh_for(Some(DAY)), seconds(3600));
    }

    #[test]
    fn a_flood_of_unknown_keys_is_one_fetch_per_cool_down() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, DAY);
        schedule.succeeded(now, now + seconds(1), None);
        for _ in 0..1000 {
            schedule.wanted();
        }
        assert_eq!(schedule.next(), now + COOL_DOWN);
        schedule.succeeded(now + COOL_DOWN, now + COOL_DOWN, None);
        schedule.wanted();
        assert_eq!(schedule.next(), now + COOL_DOWN * 2);
    }

    #[test]
    fn an_unknown_key_does_not_shorten_the_pause_after_an_error_below_the_cool_down() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, Some(now), DAY);
        for _ in 0..6 {
            schedule.failed(now, now);
        }
        schedule.wanted();
        assert_eq!(schedule.next(), now + COOL_DOWN);
    }

    #[test]
    fn the_pause_after_errors_doubles_up_to_a_minute_and_stays_short_without_keys() {
        let now = Instant::now();
        let pauses = |mut schedule: Schedule| {
            [(); 8].map(|()| {
                schedule.failed(now, now);
                (schedule.next() - now).as_secs()
            })
        };
        assert_eq!(pauses(Schedule::new(now, Some(now), DAY)), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses(Schedule::new(now, None, DAY)), [1, 2, 4, 5, 5, 5, 5, 5]);
    }

    #[test]
    fn keys_grow_stale_only_after_a_failure_and_from_the_last_success_on() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now, None, seconds(60));
        schedule.failed(now, now);
        assert_eq!(schedule.stale_at(), None, "there are no keys");
        schedule.succeeded(now, now + seconds(1), None);
        assert_eq!(schedule.stale_at(), None, "nothing is wrong");
        assert_eq!(schedule.next(), now + seconds(21), "three tries fit before the end");
        schedule.failed(now + seconds(21), now + seconds(21));
        schedule.failed(now + seconds(22), now + seconds(22));
        assert_eq!(schedule.stale_at(), Some(now + seconds(61)));
        schedule.dropped();
        assert_eq!(schedule.stale_at(), None);
    }
}
