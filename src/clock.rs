//! The one call to the system clock.
//!
//! Everywhere else `now` is an argument, so that a decision about time can be tested without a mock, and so that all
//! decisions about a request use the same time.

use time::OffsetDateTime;

/// The time now, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one caller")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
