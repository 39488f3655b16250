//! The one call to the system clock.
//!
//! Everywhere else `now` is an argument, so that a decision about time can be tested without a mock, and so that all
//! decisions about a request use the same time.

use time::OffsetDateTime;

/// The time now, in UTC and in whole microseconds, as PostgreSQL stores it: a time in a response is then the one that a
/// later response has.
#[expect(clippy::disallowed_methods, reason = "this is the one caller")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .expect("fewer nanoseconds than before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_whole_microseconds() {
        for _ in 0..100 {
            assert_eq!(now().nanosecond() % 1000, 0);
        }
    }
}
