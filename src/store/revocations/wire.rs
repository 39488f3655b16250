//! The format of entries of the feed, as fields of a stream entry.
//!
//! | field | of a revocation | of a heartbeat |
//! |---|---|---|
//! | `k` | `token`, `session`, `user`, `key` | `hb` |
//! | `id` | jti, sid, user's id, kid | |
//! | `exp` | when it may be forgotten, ms | |
//! | `n` | id of its row in the outbox | |
//! | `v`, `iss` | of a user: token version and issuer | |
//! | `at`, `x` | | instant in ms, position in the outbox |

use ::redis::streams::StreamId;
use time::OffsetDateTime;

use super::entry::{Content, Entry, Recorded, Revocation, Subject};

/// The name of the kind of a revocation, in the feed and in the outbox.
pub(super) const fn kind(subject: &Subject) -> &'static str {
    match subject {
        Subject::Token(_) => "token",
        Subject::Session(_) => "session",
        Subject::User { .. } => "user",
        Subject::Key(_) => "key",
    }
}

/// The jti, sid, user's id or kid.
pub(super) fn id(subject: &Subject) -> &str {
    match subject {
        Subject::Token(id) | Subject::Session(id) | Subject::Key(id) | Subject::User { id, .. } => id,
    }
}

/// The first token version of a user that is not refused.
pub(super) const fn version(subject: &Subject) -> Option<u32> {
    match subject {
        Subject::User { version, .. } => Some(*version),
        _ => None,
    }
}

/// The subject of a kind; `version` and `issuer` are those of a user.
pub(super) fn subject(kind: &str, id: String, version: Option<u32>, issuer: Option<String>) -> Option<Subject> {
    Some(match kind {
        "token" => Subject::Token(id),
        "session" => Subject::Session(id),
        "user" => Subject::User {
            issuer: issuer?,
            id,
            version: version?,
        },
        "key" => Subject::Key(id),
        _ => return None,
    })
}

/// Parses an entry. A malformed one is [`Content::Unknown`], so that an older release tolerates the entries of a newer
/// one.
pub(super) fn entry(raw: &StreamId) -> Entry {
    let content = match raw.get::<String>("k").as_deref() {
        Some("hb") => heartbeat(raw),
        Some(kind) => revoked(raw, kind),
        None => None,
    };
    Entry {
        id: raw.id.clone(),
        content: content.unwrap_or(Content::Unknown),
    }
}

fn heartbeat(raw: &StreamId) -> Option<Content> {
    Some(Content::Heartbeat {
        at_ms: raw.get("at")?,
        position: raw.get("x")?,
    })
}

fn revoked(raw: &StreamId, kind: &str) -> Option<Content> {
    Some(Content::Revoked(Recorded {
        id: raw.get("n")?,
        revocation: Revocation {
            subject: subject(kind, raw.get("id")?, raw.get("v"), raw.get("iss"))?,
            expires_at: instant(raw.get("exp")?)?,
        },
    }))
}

/// Rounded up, so that an entry does not expire before its tokens.
pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    let nanoseconds = at.unix_timestamp_nanos();
    i64::try_from(nanoseconds.div_euclid(1_000_000) + i128::from(nanoseconds.rem_euclid(1_000_000) > 0))
        .unwrap_or(i64::MAX)
}

fn instant(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

/// Whether a text is the id of a stream entry.
pub(super) fn is_id(text: &str) -> bool {
    text.split_once('-')
        .is_some_and(|(time, number)| time.parse::<u64>().is_ok() && number.parse::<u64>().is_ok())
}
