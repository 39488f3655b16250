//! The age of the view: the time since the latest time up to which it is known to be complete.
//!
//! Only the monotonic clock of this process is used. A time by the clock of Redis is converted once, when it is first
//! received: if a wall clock is set back, here or there, an old heartbeat must not become recent.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The age of the view.
#[derive(Debug)]
pub(super) struct Freshness {
    /// A time long before this process started.
    base: Instant,
    /// The time until which the view is complete, in nanoseconds since `base`; [`NEVER`], [`ALWAYS`].
    complete: AtomicU64,
    /// The last heartbeat that was converted: milliseconds by the clock of Redis, and by that of this process.
    heartbeat: Mutex<Option<(i64, Instant)>>,
}

const NEVER: u64 = 0;
const ALWAYS: u64 = u64::MAX;

impl Default for Freshness {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            base: now.checked_sub(Duration::from_secs(86_400)).unwrap_or(now),
            complete: AtomicU64::new(NEVER),
            heartbeat: Mutex::default(),
        }
    }
}

impl Freshness {
    /// For a view without a feed, which is never stale.
    pub(super) fn of_no_feed() -> Self {
        Self {
            complete: AtomicU64::new(ALWAYS),
            ..Self::default()
        }
    }

    /// Records that the view contains every revocation that was committed before `at`. An earlier time changes nothing.
    pub(super) fn complete(&self, at: Instant) {
        let since = at.saturating_duration_since(self.base).as_nanos();
        self.complete
            .fetch_max(u64::try_from(since).unwrap_or(ALWAYS - 1), Ordering::Relaxed);
    }

    /// The age of the view; [`Duration::MAX`] if it was never complete.
    pub(super) fn age(&self, now: Instant) -> Duration {
        match self.complete.load(Ordering::Relaxed) {
            NEVER => Duration::MAX,
            ALWAYS => Duration::ZERO,
            nanoseconds => now
                .saturating_duration_since(self.base)
                .saturating_sub(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Converts the time of a heartbeat to the clock of this process. `redis_now_ms` is the time that Redis answered
    /// with, and `asked` is when it was asked, which was before: so the result is too early rather than too late.
    /// `None` if the heartbeat is later than that clock, which was set back or is another server's.
    ///
    /// `None`: the heartbeat is from the future of that clock, which was set back or is another server's.
    pub(super) fn instant_of(&self, heartbeat_ms: i64, redis_now_ms: i64, asked: Instant) -> Option<Instant> {
        let mut known = self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((ms, instant)) = *known
            && ms == heartbeat_ms
        {
            return Some(instant);
        }
        let age = u64::try_from(redis_now_ms.checked_sub(heartbeat_ms)?).ok()?;
        let instant = asked.checked_sub(Duration::from_millis(age))?;
        *known = Some((heartbeat_ms, instant));
        Some(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_view_that_was_never_complete_is_older_than_any_bound() {
        let freshness = Freshness::default();
        let now = Instant::now();
        assert_eq!(freshness.age(now), Duration::MAX);
        freshness.complete(now);
        assert_eq!(freshness.age(now + SECOND), SECOND);
    }

    #[test]
    fn an_older_statement_does_not_turn_the_view_back() {
        let freshness = Freshness::default();
        let earlier = Instant::now();
        let now = earlier + SECOND;
        freshness.complete(now);
        freshness.complete(earlier);
        assert_eq!(freshness.age(now), Duration::ZERO);
    }

    #[test]
    fn a_statement_from_before_the_process_began_counts_with_its_age() {
        let freshness = Freshness::default();
        let before = freshness.base;
        freshness.complete(before + SECOND);
        assert_eq!(freshness.age(before + 61 * SECOND), 60 * SECOND);
    }

    #[test]
    fn a_view_without_a_feed_is_never_old() {
        assert_eq!(Freshness::of_no_feed().age(Instant::now() + SECOND), Duration::ZERO);
    }

    #[test]
    fn a_heartbeat_is_as_old_as_redis_says_counted_from_the_question() {
        let (freshness, asked) = (Freshness::default(), Instant::now());
        let instant = freshness.instant_of(10_000, 10_400, asked).unwrap();
        assert_eq!(asked - instant, Duration::from_millis(400));
    }

    #[test]
    fn a_clock_of_redis_that_is_set_back_makes_no_heartbeat_younger() {
        let (freshness, asked) = (Freshness::default(), Instant::now());
        let first = freshness.instant_of(10_000, 10_100, asked).unwrap();
        // Five seconds later Redis' clock was set back by five.
        let again = freshness.instant_of(10_000, 10_100, asked + 5 * SECOND);
        assert_eq!(again, Some(first));
        assert_eq!(
            freshness.instant_of(10_500, 10_100, asked),
            None,
            "a heartbeat from its future does not count"
        );
    }
}
