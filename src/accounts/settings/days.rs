//! Durations for defaults.

use std::time::Duration;

/// A number of days.
pub(super) const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}
