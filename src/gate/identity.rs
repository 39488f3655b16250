//! Who a verified token speaks of.

mod texts;

use std::{num::NonZeroI64, sync::Arc, time::Duration};

use serde_json::Value;
use time::OffsetDateTime;

use self::texts::Text;
pub(super) use self::texts::Texts;
use super::denial::TokenFault;

/// Some words. Callers have few different lists of them, so those that are cached share each.
pub(super) type Words = Arc<[Box<str>]>;

/// What a token says of its subject, as far as this configuration looks at it. Small: a million of them are kept.
#[derive(Debug)]
pub struct Identity {
    /// `iss`.
    pub issuer: Arc<str>,
    pub(super) texts: Texts,
    /// `exp` in Unix seconds.
    pub expires_at: i64,
    /// `auth_time` in Unix seconds; 1970 counts as absent, and is as long ago.
    pub auth_time: Option<NonZeroI64>,
    /// Whether `amr` names more than one factor (RFC 8176).
    pub mfa: bool,
    /// Roles.
    pub roles: Words,
    /// Scopes.
    pub scopes: Words,
    /// Permissions.
    pub permissions: Words,
    /// Those other claims that a policy or a header of this configuration names.
    pub(super) claims: Box<[(Box<str>, Value)]>,
    /// The later of `nbf` and `iat`, in Unix seconds.
    pub(super) not_before: i64,
    /// How far clocks may differ, in seconds.
    pub(super) leeway: u32,
    /// `ver`, with which a token of ours says which rights of its user it carries; 0 when absent.
    pub(super) version: u32,
    /// The fingerprint of the key that verified the token.
    pub(super) key: u64,
}

impl Identity {
    /// `sub`.
    pub fn subject(&self) -> &str {
        self.texts.get(Text::Subject).unwrap_or_default()
    }

    /// `sid`, where the issuer has sessions.
    pub fn session(&self) -> Option<&str> {
        self.texts.get(Text::Session)
    }

    /// `jti`.
    pub fn jti(&self) -> Option<&str> {
        self.texts.get(Text::Jti)
    }

    /// `email`, if `email_verified` is true.
    pub fn verified_email(&self) -> Option<&str> {
        self.texts.get(Text::VerifiedEmail)
    }

    /// `preferred_username`.
    pub fn preferred_username(&self) -> Option<&str> {
        self.texts.get(Text::PreferredUsername)
    }

    /// `exp`, `nbf` and `iat` against the clock. Asked at every use, cached or not.
    ///
    /// # Errors
    /// `Expired` or `NotYetValid`.
    pub(super) fn check_times(&self, now: OffsetDateTime) -> Result<(), TokenFault> {
        let now = now.unix_timestamp();
        if now >= self.expires_at.saturating_add(self.leeway.into()) {
            return Err(TokenFault::Expired);
        }
        if now < self.not_before.saturating_sub(self.leeway.into()) {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }

    /// How long a stream that opens `now` may last: until `exp`, which both sides read the same, and not until the end of the
    /// leeway, unless the token is in its leeway already.
    pub fn time_left(&self, now: OffsetDateTime) -> Duration {
        let until = |end: i64| {
            let left = i128::from(end) * 1_000_000_000 - now.unix_timestamp_nanos();
            u64::try_from(left).ok().map(Duration::from_nanos)
        };
        until(self.expires_at)
            .or_else(|| until(self.expires_at.saturating_add(self.leeway.into())))
            .unwrap_or(Duration::ZERO)
    }

    /// The value of a claim that this configuration names; `a.b` looks into objects.
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
