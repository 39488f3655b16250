//! How old the view is: the time since the newest instant up to which it is known to be complete.
//!
//! Only this process's monotonic clock counts. An instant by the clock of Redis is turned into one of ours when it is
//! first heard of, and never again: a wall clock that is set back, here or there, must not make an old statement young.

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
    /// An instant long before this process began.
    base: Instant,
    /// Nanoseconds since `base` until which the view is complete; [`NEVER`], [`ALWAYS`].
    complete: AtomicU64,
    /// The newest heartbeat that was converted: milliseconds by the clock of Redis, and by ours.
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
    /// Of a view that follows nothing, and so is never old.
    pub(super) fn of_no_feed() -> Self {
        Self {
            complete: AtomicU64::new(ALWAYS),
            ..Self::default()
        }
    }

    /// Notes that the view holds every revocation that was committed before `at`. An older instant changes nothing.
    pub(super) fn complete(&self, at: Instant) {
        let since = at.saturating_duration_since(self.base).as_nanos();
        self.complete
            .fetch_max(u64::try_from(since).unwrap_or(ALWAYS - 1), Ordering::Relaxed);
    }

    /// How old the view is; [`Duration::MAX`]: it was never complete.
    pub(super) fn age(&self, now: Instant) -> Duration {
        match self.complete.load(Ordering::Relaxed) {
            NEVER => Duration::MAX,
            ALWAYS => Duration::ZERO,
            nanoseconds => now
                .saturating_duration_since(self.base)
                .saturating_sub(Duration::from_nanos(nanoseconds)),
        }
    }

    /// When, by our clock, Redis had the time that a heartbeat names. `redis_now_ms` is what Redis said its time was,
    /// and `asked` when we asked it, which was before it answered: so the result is too early rather than too late.
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
        let now = Instant::now();
        freshness.complete(now);
        freshness.complete(now - SECOND);
        assert_eq!(freshness.age(now), Duration::ZERO);
    }

    #[test]
    fn a_statement_from_before_the_process_began_counts_with_its_age() {
        let freshness = Freshness::default();
        let now = Instant::now();
        freshness.complete(now - 60 * SECOND);
        assert_eq!(freshness.age(now), 60 * SECOND);
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
            "and one from its future is none"
        );
    }
}
