//! The one call to the system clock.
//!
//! Everywhere else `now` is an argument, so that a decision about time can be tested without a mock, and so that all
//! decisions about a request use the same time.

use std::{sync::LazyLock, time::Instant};

use time::OffsetDateTime;

/// The system clock and the monotonic clock at one moment, the first use of [`steady`].
static BEGAN: LazyLock<(OffsetDateTime, Instant)> = LazyLock::new(|| (now(), Instant::now()));

/// The time now, in UTC and in whole microseconds, as PostgreSQL stores it: a time in a response is then the one that a
/// later response has.
#[expect(clippy::disallowed_methods, reason = "this is the one caller")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .expect("fewer nanoseconds than before")
}

/// `now`, or an earlier time if the system clock was set forward since this was first called: what is removed because it
/// has expired must not be needed again when the clock is set back. A revoked token would be accepted.
pub fn steady(now: OffsetDateTime) -> OffsetDateTime {
    let (began, instant) = *BEGAN;
    now.min(began + instant.elapsed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_does_not_move_the_steady_time() {
        let before = now();
        assert!(steady(before) <= before);
        let after = steady(before + Duration::from_secs(86_400));
        assert!(after < before + Duration::from_secs(60), "{after}");
        assert!(
            after + Duration::from_secs(60) > before,
            "it is not far behind either: {after}"
        );
        let set_back = before - Duration::from_secs(86_400);
        assert_eq!(steady(set_back), set_back, "then more is kept, and nothing is lost");
    }

    #[test]
    fn the_time_has_whole_microseconds() {
        for _ in 0..100 {
            assert_eq!(now().nanosecond() % 1000, 0);
        }
    }
}
