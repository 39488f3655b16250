//! A revocation, and an entry of the feed.

use time::OffsetDateTime;

/// Which tokens a revocation refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One token, by its `jti`.
    Token(String),
    /// The tokens of a session, by their `sid`.
    Session(String),
    /// The tokens that a user was issued with an older version.
    User {
        /// The issuer: another one may call somebody else by the same id.
        issuer: String,
        /// The claim `sub`.
        id: String,
        /// The first version (the claim `ver`) that is not refused.
        version: u32,
    },
    /// The tokens that a key signed, by its `kid`: it leaked.
    Key(String),
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Which tokens it refuses.
    pub subject: Subject,
    /// When the last of them has expired, leeway included. The feed keeps milliseconds.
    pub expires_at: OffsetDateTime,
}

/// A revocation that is in the outbox. Only those are published: what is not there would be lost with its publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The id of its row.
    pub id: i64,
    /// What it says.
    pub revocation: Revocation,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id: milliseconds by the clock of Redis, and a number. Later entries have greater ones.
    pub id: String,
    /// What it says.
    pub content: Content,
}

impl Entry {
    /// When Redis took it, in milliseconds since 1970 by its clock.
    pub fn at_ms(&self) -> i64 {
        let time = self.id.split_once('-').map_or(&*self.id, |(time, _)| time);
        time.parse().unwrap_or(0)
    }
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Tokens are revoked.
    Revoked(Recorded),
    /// The feed is complete up to an instant.
    Heartbeat {
        /// The instant, in milliseconds since 1970 by the clock of Redis.
        at_ms: i64,
        /// The position in the outbox: rows of older transactions are in the feed.
        position: i64,
    },
    /// A newer release wrote something that this one does not know.
    Unknown,
}
