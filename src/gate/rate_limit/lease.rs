//! Permits drawn in advance: a busy key asks Redis once in twenty requests and not once a request.
//!
//! An instance draws a batch of permits for a key, which Redis counts as taken, and spends them from memory. What it may get
//! wrong is bounded: of permits drawn in one window, at most a batch per instance is spent in the next, so in any window at
//! most `limit + batch × instances` requests pass. A key of which an instance holds a batch that nobody uses loses as much.
//!
//! | limit | largest batch |
//! |---|---|
//! | below 40 | 1: exact |
//! | below 250 | a fifth of the limit |
//! | above | 50 |
//!
//! Batches begin at 1 and grow only while they are used up, so a caller who comes by now and then, on whichever instance,
//! is counted exactly. A refusal is remembered until it can end, so that a flood does not reach Redis.

use std::time::Duration;

use time::OffsetDateTime;

/// Below this a limit is exact.
const EXACT_BELOW: u32 = 40;
/// More would save nothing worth having.
const LARGEST: u32 = 50;
/// By how much a batch that was used up grows.
const GROWTH: u32 = 5;

/// The permits of one key that this instance holds.
#[derive(Debug)]
pub(super) struct Lease {
    left: u32,
    /// When what is left is void: with the window in which it was drawn.
    until: OffsetDateTime,
    /// What Redis had left when it was asked.
    elsewhere: u32,
    /// How many were drawn, and how many are drawn next.
    drawn: u32,
    batch: u32,
    refused_until: OffsetDateTime,
}

/// What a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) allowed: bool,
    pub(super) remaining: u32,
    pub(super) reset: Duration,
}

/// What Redis said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    pub(super) taken: u32,
    pub(super) remaining: u32,
    /// Until all is free again, or for a refusal until one is.
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

/// The most permits an instance draws at once.
pub(super) fn largest_batch(limit: u32) -> u32 {
    if limit < EXACT_BELOW {
        1
    } else {
        (limit / 5).min(LARGEST)
    }
}

impl Lease {
    /// Spends a permit that is held, or repeats a refusal. `None`: Redis must be asked.
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

    /// How many permits to draw.
    pub(super) fn batch(&mut self, limit: u32, now: OffsetDateTime) -> u32 {
        let wasted = if now >= self.until { self.left } else { 0 };
        self.batch = if self.drawn == 0 {
            1
        } else if wasted > 0 {
            // As many as were of use.
            self.drawn - wasted
        } else {
            self.batch.saturating_mul(GROWTH)
        };
        self.left -= wasted;
        self.batch = self.batch.clamp(1, largest_batch(limit));
        self.batch
    }

    /// Takes in what Redis said, and spends one permit of it.
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
