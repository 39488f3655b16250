//! Who a verified token speaks of.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use time::OffsetDateTime;

use super::parse::Parsed;
use crate::gate::{
    activity::LastNoted,
    denial::TokenFault,
    identity::{self, Plan},
    revocation::{Fingerprints, Kind},
    snapshot::{IssuerRules, KeySource, Snapshot},
};

/// Identity headers, and the plan they were rendered by.
type Rendered = (Arc<Plan>, Vec<(HeaderName, HeaderValue)>);

/// The caller, as a verified token says. Small: a million of them are kept.
#[derive(Debug)]
pub struct Identity {
    /// `iss`.
    pub issuer: Arc<str>,
    /// `sub`.
    pub subject: Box<str>,
    /// `sid`, where the issuer has sessions.
    pub session: Option<Box<str>>,
    /// `jti`.
    pub jti: Option<Box<str>>,
    /// `iat` in Unix seconds; 0 when absent, so that a revocation "from then on" always covers it.
    pub issued_at: i64,
    /// `exp` in Unix seconds.
    pub expires_at: i64,
    /// `auth_time` in Unix seconds.
    pub auth_time: Option<i64>,
    /// Whether `amr` names more than one factor (RFC 8176).
    pub mfa: bool,
    /// Roles.
    pub roles: Box<[Box<str>]>,
    /// Scopes.
    pub scopes: Box<[Box<str>]>,
    /// Permissions.
    pub permissions: Box<[Box<str>]>,
    /// `email`, if `email_verified` is true.
    pub verified_email: Option<Box<str>>,
    /// `preferred_username`.
    pub preferred_username: Option<Box<str>>,
    /// Those other claims that a policy or a header of this configuration names.
    pub(in crate::gate) claims: Box<[(Box<str>, Value)]>,
    /// How the revocation view knows this token.
    pub(in crate::gate) fingerprints: Fingerprints,
    /// When this caller was last noted as active.
    pub(in crate::gate) last_noted: LastNoted,
    not_before: i64,
    leeway: i64,
    /// SHA-256 of the configuration by which it was judged, and how many keys had been taken away by then: after a reload or
    /// a withdrawal it is judged again.
    pub(super) judged_by: ([u8; 32], u64),
    /// How long the cache may keep it.
    pub(super) keep_for: Duration,
    rendered: OnceLock<Rendered>,
}

impl Identity {
    /// Reads the claims of a token whose signature is genuine, and checks all but the times.
    pub(super) fn read(
        parsed: &Parsed,
        rules: &IssuerRules,
        snapshot: &Snapshot,
        now: OffsetDateTime,
    ) -> Result<Self, TokenFault> {
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
        let optional = |name: &str| {
            claims
                .text(name)
                .map(|text| text.filter(|text| is_plain(text)).map(Box::from))
        };
        let session: Option<Box<str>> = optional(&names.sid)?;
        let jti: Option<Box<str>> = optional("jti")?;
        let issued_at = claims.date("iat")?;
        // Ours always have these; one without could not be revoked.
        if rules.keys == KeySource::Own && (session.is_none() || jti.is_none() || issued_at.is_none()) {
            return Err(TokenFault::BadClaims);
        }
        let amr = claims.list("amr", true)?;
        let expires_at = claims.date("exp")?.ok_or(TokenFault::BadClaims)?;
        let leeway = rules.leeway.as_secs().try_into().unwrap_or(i64::MAX);
        let left = expires_at.saturating_add(leeway).saturating_sub(now.unix_timestamp());
        let email_verified = claims.value("email_verified") == Some(&Value::Bool(true));
        let fingerprints = Fingerprints::of(&[
            (Kind::Jti, jti.as_deref()),
            (Kind::Sid, session.as_deref()),
            (Kind::User, Some(subject)),
        ]);
        Ok(Self {
            issuer: Arc::clone(&rules.issuer),
            subject: subject.into(),
            session,
            jti,
            issued_at: issued_at.unwrap_or(0),
            expires_at,
            auth_time: claims.date("auth_time")?,
            mfa: amr.iter().any(|method| &**method == "mfa"),
            roles: claims.list(&names.roles, false)?.into(),
            scopes: claims.list(&names.scope, true)?.into(),
            permissions: claims.list(&names.permissions, false)?.into(),
            verified_email: optional(&names.email)?.filter(|_| email_verified),
            preferred_username: optional(&names.preferred_username)?,
            claims: (snapshot.wanted_claims.iter())
                .filter_map(|name| Some((name.clone(), claims.value(name)?.clone())))
                .collect(),
            fingerprints,
            last_noted: LastNoted::default(),
            not_before: claims.date("nbf")?.unwrap_or(0).max(issued_at.unwrap_or(0)),
            leeway,
            judged_by: (snapshot.sha256, 0),
            keep_for: Duration::from_secs(u64::try_from(left).unwrap_or(0)),
            rendered: OnceLock::new(),
        })
    }

    /// `exp`, `nbf` and `iat` against the clock. Asked at every use, cached or not.
    ///
    /// # Errors
    /// `Expired` or `NotYetValid`.
    pub(super) fn check_times(&self, now: OffsetDateTime) -> Result<(), TokenFault> {
        let now = now.unix_timestamp();
        if now >= self.expires_at.saturating_add(self.leeway) {
            return Err(TokenFault::Expired);
        }
        if now < self.not_before.saturating_sub(self.leeway) {
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
            .or_else(|| until(self.expires_at.saturating_add(self.leeway)))
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
        let (known, headers) = self
            .rendered
            .get_or_init(|| (Arc::clone(plan), identity::render(plan, self)));
        let rendered_now;
        let headers = if Arc::ptr_eq(known, plan) {
            headers
        } else {
            // Another route with another plan: rare enough not to be worth memory in every cached token.
            rendered_now = identity::render(plan, self);
            &rendered_now
        };
        for (name, value) in headers {
            write(name, value);
        }
    }
}

/// Not empty, and nothing that would end a line in a header or a log.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
