//! Ids of rows.

use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

/// A new id, a UUID version 7 (RFC 9562), which contains the time: rows that are created together are adjacent in the
/// index, and a list ordered by id is ordered by creation.
///
/// 74 of its bits are random, but an id is no secret and must not be used as a credential.
pub fn new(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let now = datetime!(2026-11-23 12:00 UTC);
        assert!(new(now) < new(now + Duration::milliseconds(1)));
        assert_ne!(new(now), new(now));
    }
}
