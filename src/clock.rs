//! The one call to the system clock.
//!
//! Everywhere else `now` is an argument, so that a decision about time can be tested in one line and a request is judged
//! at one instant, not at several.

use time::OffsetDateTime;

/// The time now, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one caller")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
