//! A revocation, and an entry of the feed.

use time::OffsetDateTime;

/// Which tokens a revocation refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One token, by its `jti`.
    Token(String),
    /// The tokens of a session, by their `sid`.
    Session(String),
    /// The tokens of a user with an older version.
    User {
        /// The issuer, because another issuer can have a different user with the same id.
        issuer: String,
        /// The claim `sub`.
        id: String,
        /// The first version (the claim `ver`) that is not refused.
        version: u32,
    },
    /// The tokens signed by a leaked key, by its `kid`.
    Key(String),
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Which tokens it refuses.
    pub subject: Subject,
    /// When the last of them expires, leeway included. The feed stores milliseconds.
    pub expires_at: OffsetDateTime,
}

/// A revocation that is in the outbox. Only these are published: any other would be lost if its publisher dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The id of its row.
    pub id: i64,
    /// The content.
    pub revocation: Revocation,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id: milliseconds by the clock of Redis, and a sequence number. Later entries have greater ids.
    pub id: String,
    /// The content.
    pub content: Content,
}

impl Entry {
    /// When Redis received it, in milliseconds since 1970 by its clock.
    pub fn at_ms(&self) -> i64 {
        let time = self.id.split_once('-').map_or(&*self.id, |(time, _)| time);
        time.parse().unwrap_or(0)
    }
}

/// The content of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Tokens are revoked.
    Revoked(Recorded),
    /// A heartbeat: the feed is complete up to a time.
    Heartbeat {
        /// The time, in milliseconds since 1970 by the clock of Redis.
        at_ms: i64,
        /// The position in the outbox: rows of older transactions are in the feed.
        position: i64,
    },
    /// An entry of a newer release, which this one does not know.
    Unknown,
}
