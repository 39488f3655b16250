//! The identity in a verified token.

mod texts;

use std::{num::NonZeroI64, sync::Arc, time::Duration};

use serde_json::Value;
use time::OffsetDateTime;

use self::texts::Text;
pub(super) use self::texts::Texts;
use super::denial::TokenFault;

/// A list of names. Callers have few different ones, so cached identities share them.
pub(super) type StringList = Arc<[Box<str>]>;

/// The claims of a token that this configuration uses. Small, because a million of them are cached.
#[derive(Debug)]
pub struct Identity {
    /// The claim `iss`.
    pub issuer: Arc<str>,
    pub(super) texts: Texts,
    /// `exp` in Unix seconds.
    pub expires_at: i64,
    /// `auth_time` in Unix seconds; 0 if absent.
    pub auth_time: Option<NonZeroI64>,
    /// Whether `amr` names more than one factor (RFC 8176).
    pub mfa: bool,
    /// The roles.
    pub roles: StringList,
    /// The scopes.
    pub scopes: StringList,
    /// The permissions.
    pub permissions: StringList,
    /// Other claims that a policy or a header of this configuration uses.
    pub(super) claims: Box<[(Box<str>, Value)]>,
    /// From when the token is accepted, in Unix seconds: the later of `nbf` and `iat`, less the leeway of its issuer.
    pub(super) not_before: i64,
    /// How long the token is accepted after `exp`, in seconds.
    pub(super) grace: u16,
    /// The claim `ver`: the version of the user's permissions in a token of this issuer; 0 if absent.
    pub(super) version: u32,
    /// The fingerprint of the key that verified the token.
    pub(super) key: u64,
}

impl Identity {
    /// The claim `sub`: the user's id.
    pub fn subject(&self) -> &str {
        self.texts.get(Text::Subject).unwrap_or_default()
    }

    /// The claim `sid`, if the issuer has sessions.
    pub fn session(&self) -> Option<&str> {
        self.texts.get(Text::Session)
    }

    /// The claim `jti`: the token's id.
    pub fn jti(&self) -> Option<&str> {
        self.texts.get(Text::Jti)
    }

    /// The claim `email`, if `email_verified` is true.
    pub fn verified_email(&self) -> Option<&str> {
        self.texts.get(Text::VerifiedEmail)
    }

    /// The claim `preferred_username`.
    pub fn preferred_username(&self) -> Option<&str> {
        self.texts.get(Text::PreferredUsername)
    }

    /// Compares `exp`, `nbf` and `iat` with the clock, at every use, cached or not.
    ///
    /// # Errors
    /// `Expired` or `NotYetValid`.
    pub(super) fn check_times(&self, now: OffsetDateTime) -> Result<(), TokenFault> {
        let now = now.unix_timestamp();
        if now >= self.expires_at.saturating_add(self.grace.into()) {
            return Err(TokenFault::Expired);
        }
        if now < self.not_before {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }

    /// How long a stream that opens `now` can last: until `exp`, and until the end of the leeway only if `exp` has
    /// passed already.
    pub fn time_left(&self, now: OffsetDateTime) -> Duration {
        time_until(self.expires_at, now)
            .or_else(|| time_until(self.expires_at.saturating_add(self.grace.into()), now))
            .unwrap_or(Duration::ZERO)
    }

    /// The time until `exp`; zero if it has passed.
    pub(super) fn time_to_expiry(&self, now: OffsetDateTime) -> Duration {
        time_until(self.expires_at, now).unwrap_or(Duration::ZERO)
    }

    /// The value of a claim that this configuration uses; `a.b` is a path into objects.
    pub fn claim(&self, path: &str) -> Option<&Value> {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let exact = self
            .claims
            .iter()
            .find(|(key, _)| **key == *path)
            .map(|(_, value)| value);
        exact.or_else(|| {
            let mut value = &self.claims.iter().find(|(key, _)| **key == *name)?.1;
            for part in rest?.split('.') {
                value = value.get(part)?;
            }
            Some(value)
        })
    }
}

/// The time until `end`, in Unix seconds; `None` if it has passed.
pub(super) fn time_until(end: i64, now: OffsetDateTime) -> Option<Duration> {
    let left = i128::from(end) * 1_000_000_000 - now.unix_timestamp_nanos();
    u64::try_from(left).ok().map(Duration::from_nanos)
}
