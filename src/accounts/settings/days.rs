//! Durations of defaults.

use std::time::Duration;

/// So many days.
pub(super) const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}
