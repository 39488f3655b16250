//! Who a verified token speaks of.

use std::{
    num::NonZeroI64,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    parse::Parsed,
    texts::{Text, Texts},
};
use crate::gate::{
    activity::LastNoted,
    denial::TokenFault,
    identity::{self, Plan},
    revocation::{Fingerprints, Ids},
    snapshot::{IssuerRules, KeySource, Snapshot},
};

/// Identity headers, and the plan they were rendered by.
type Rendered = (Arc<Plan>, identity::Values);

/// Some words. Callers have few different lists of them, so those that are cached share each.
pub(super) type Words = Arc<[Box<str>]>;

/// The configuration and the keys by which a token was judged, in few bytes: the operator chooses both, nobody makes two
/// alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standard(u64);

impl Standard {
    /// The configuration, and how many keys have been taken away so far.
    pub(super) fn new(snapshot: &Snapshot, withdrawals: u64) -> Self {
        let [first, ..] = *snapshot.sha256.as_chunks().0 else {
            unreachable!("SHA-256 has 32 bytes")
        };
        Self(u64::from_be_bytes(first).wrapping_add(withdrawals))
    }
}

/// The caller, as a verified token says. Small: a million of them are kept, and a test counts the bytes.
#[derive(Debug)]
pub struct Identity {
    /// `iss`.
    pub issuer: Arc<str>,
    texts: Texts,
    /// `iat` in Unix seconds; 0 when absent, so that a revocation "from then on" always covers it.
    pub issued_at: i64,
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
    pub(in crate::gate) claims: Box<[(Box<str>, Value)]>,
    /// How the revocation view knows this token.
    pub(in crate::gate) fingerprints: Fingerprints,
    /// When this caller was last noted as active.
    pub(in crate::gate) last_noted: LastNoted,
    not_before: i64,
    leeway: u32,
    /// By what it was judged: after a reload or the withdrawal of a key it is judged again.
    pub(super) judged_by: Standard,
    rendered: OnceLock<Rendered>,
}

impl Identity {
    /// Reads the claims of a token whose signature is genuine, and checks all but the times.
    pub(super) fn read(parsed: &Parsed, rules: &IssuerRules, snapshot: &Snapshot) -> Result<Self, TokenFault> {
        let claims = &parsed.claims;
        let names = &rules.claims;
        let required = |name: &str| {
            claims
                .text(name)?
                .filter(|text| is_plain(text))
                .ok_or(TokenFault::BadClaims)
        };

        let audience = claims.list("aud", false)?;
        if audience.is_empty() {
            return Err(TokenFault::BadClaims);
        }
        if !audience.iter().any(|aud| rules.audience.contains(aud)) {
            return Err(TokenFault::WrongAudience);
        }
        let subject = required("sub")?;
        let optional = |name: &str| claims.text(name).map(|text| text.filter(|text| is_plain(text)));
        let session = optional(&names.sid)?;
        let jti = optional("jti")?;
        let issued_at = claims.date("iat")?;
        // Ours always have these; one without could not be revoked.
        if rules.keys == KeySource::Own && (session.is_none() || jti.is_none() || issued_at.is_none()) {
            return Err(TokenFault::BadClaims);
        }
        let amr = claims.list("amr", true)?;
        let expires_at = claims.date("exp")?.ok_or(TokenFault::BadClaims)?;
        let leeway = rules.leeway.as_secs().try_into().unwrap_or(u32::MAX);
        let email_verified = claims.value("email_verified") == Some(&Value::Bool(true));
        let fingerprints = Fingerprints::of(&Ids {
            issuer: &rules.issuer,
            jti,
            session,
            user: Some(subject),
            kid: parsed.kid.as_deref(),
            // Another issuer may mean something else by it.
            version: claims.value("ver").and_then(Value::as_u64).and_then(|n| n.try_into().ok()).unwrap_or(0),
        });
        let texts = Texts::new([
            Some(subject),
            session,
            jti,
            optional(&names.email)?.filter(|_| email_verified),
            optional(&names.preferred_username)?,
        ]);
        Ok(Self {
            issuer: Arc::clone(&rules.issuer),
            texts: texts.ok_or(TokenFault::BadClaims)?,
            issued_at: issued_at.unwrap_or(0),
            expires_at,
            auth_time: claims.date("auth_time")?.and_then(NonZeroI64::new),
            mfa: amr.iter().any(|method| &**method == "mfa"),
            roles: claims.list(&names.roles, false)?.into(),
            scopes: claims.list(&names.scope, true)?.into(),
            permissions: claims.list(&names.permissions, false)?.into(),
            claims: (snapshot.wanted_claims.iter())
                .filter_map(|name| Some((name.clone(), claims.value(name)?.clone())))
                .collect(),
            fingerprints,
            last_noted: LastNoted::default(),
            not_before: claims.date("nbf")?.unwrap_or(0).max(issued_at.unwrap_or(0)),
            leeway,
            judged_by: Standard::new(snapshot, 0),
            rendered: OnceLock::new(),
        })
    }

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

    /// The identity headers of `plan`, rendered once for as long as this identity is cached.
    pub fn headers(&self, plan: &Arc<Plan>, write: &mut impl FnMut(&HeaderName, &HeaderValue)) {
        let (known, values) = self
            .rendered
            .get_or_init(|| (Arc::clone(plan), identity::render(plan, self)));
        if Arc::ptr_eq(known, plan) {
            values.write(plan, write);
        } else {
            // Another route with another plan: rare enough not to be worth memory in every cached token.
            identity::render(plan, self).write(plan, write);
        }
    }
}

/// Not empty, and nothing that would end a line in a header or a log.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the counts of its `Arc` it fills a piece of 256 bytes; one byte more takes 320 from every cached token.
    #[test]
    fn an_identity_is_small() {
        assert!(size_of::<Identity>() <= 240, "{}", size_of::<Identity>());
    }
}
