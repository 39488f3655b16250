//! Leases: permits taken in advance, so that a busy key asks Redis once in many requests.
//!
//! An instance takes a batch of permits for a key, which Redis counts as used, and uses them from memory. The error is
//! bounded: of the permits taken in one window, at most a batch per instance is used in the next one, so that in any
//! window at most `limit + batch × instances` requests are allowed. If an instance has a batch that is not used, at
//! most that many are lost.
//!
//! | limit | largest batch |
//! |---|---|
//! | below 40 | 1: exact |
//! | below 250 | a fifth of the limit |
//! | above | 50 |
//!
//! Batches start at 1 and grow only while they are used up, so that occasional callers are counted exactly, on any
//! instance. A refusal is cached until it can end, so that a flood does not reach Redis.

use std::time::Duration;

use time::OffsetDateTime;

/// A limit below this is exact.
const EXACT_BELOW: u32 = 40;
/// The largest batch; a larger one would save little.
const LARGEST: u32 = 50;
/// The factor by which a batch grows after it was used up.
const GROWTH: u32 = 5;

/// The permits of a key that this instance has.
#[derive(Debug)]
pub(super) struct Lease {
    left: u32,
    /// The time at which unused permits expire: the end of the window in which they were taken.
    until: OffsetDateTime,
    /// The number of permits that Redis had left.
    elsewhere: u32,
    /// The size of the last batch, and of the next one.
    drawn: u32,
    batch: u32,
    refused_until: OffsetDateTime,
}

/// The outcome for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) allowed: bool,
    pub(super) remaining: u32,
    pub(super) reset: Duration,
}

/// The answer of Redis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    pub(super) taken: u32,
    pub(super) remaining: u32,
    /// The time until all permits are available again, or for a refusal until one is.
    pub(super) reset: Duration,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            left: 0,
            until: OffsetDateTime::UNIX_EPOCH,
            elsewhere: 0,
            drawn: 0,
            batch: 1,
            refused_until: OffsetDateTime::UNIX_EPOCH,
        }
    }
}

/// The most permits that an instance takes at once.
pub(super) fn largest_batch(limit: u32) -> u32 {
    if limit < EXACT_BELOW {
        1
    } else {
        (limit / 5).min(LARGEST)
    }
}

impl Lease {
    /// Uses a permit, or repeats a refusal. `None` if Redis has to be asked.
    pub(super) fn spend(&mut self, now: OffsetDateTime) -> Option<Spent> {
        if now < self.refused_until {
            return Some(Spent {
                allowed: false,
                remaining: 0,
                reset: until(self.refused_until, now),
            });
        }
        if self.left == 0 || now >= self.until {
            return None;
        }
        self.left -= 1;
        Some(Spent {
            allowed: true,
            remaining: self.left.saturating_add(self.elsewhere),
            reset: until(self.until, now),
        })
    }

    /// The number of permits to take.
    pub(super) fn batch(&mut self, limit: u32, now: OffsetDateTime) -> u32 {
        let wasted = if now >= self.until { self.left } else { 0 };
        self.batch = if self.drawn == 0 {
            1
        } else if wasted > 0 {
            // As many as were used.
            self.drawn - wasted
        } else {
            self.batch.saturating_mul(GROWTH)
        };
        self.left -= wasted;
        self.batch = self.batch.clamp(1, largest_batch(limit));
        self.batch
    }

    /// Stores the answer of Redis, and uses one permit of it.
    pub(super) fn drew(&mut self, drawn: Drawn, window: Duration, now: OffsetDateTime) -> Spent {
        if drawn.taken == 0 {
            self.refused_until = now + drawn.reset;
            return Spent {
                allowed: false,
                remaining: drawn.remaining,
                reset: drawn.reset,
            };
        }
        self.left = drawn.taken - 1;
        self.drawn = drawn.taken;
        self.until = now + window;
        self.elsewhere = drawn.remaining;
        Spent {
            allowed: true,
            remaining: self.left.saturating_add(self.elsewhere),
            reset: drawn.reset,
        }
    }
}

fn until(end: OffsetDateTime, now: OffsetDateTime) -> Duration {
    (end - now).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
