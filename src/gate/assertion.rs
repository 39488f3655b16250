//! The signed identity assertion: a JWT that says who is calling, bound to one method, host and path, and valid for a
//! minute at most.
//!
//! Identity headers can be trusted only as far as the network between Sidegate and the application. A client that
//! reaches the application directly can write any header, but not this one; and a copied assertion can only be replayed
//! for the same request, for some seconds.
//!
//! It cannot be used as an access token: it has its own `typ` and audience (RFC 8725 sections 3.11 and 3.12).

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use moka::sync::Cache;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    caller::Caller,
    denial::Denial,
    identity::{Identity, time_until},
    policy::Permit,
    rules::{
        assertion::{AssertionRule, LONGEST_TTL, TYP},
        route::Route,
    },
};
use crate::keys::{Keys, SigningKey, jwks};
use crate::metrics::Metrics;

/// The number of cached assertions, some 10 MB. A caller with more paths costs signatures, not memory.
const KEPT: u64 = 10_000;

/// The request that an assertion is for, as the application receives it.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// `http` or `https`, as in `X-Forwarded-Proto`.
    pub scheme: &'a str,
    /// Host and port, as in `X-Forwarded-Host`.
    pub authority: &'a [u8],
    /// The path; a query is ignored.
    pub target: &'a [u8],
}

impl Bound<'_> {
    fn path(&self) -> &[u8] {
        let end = self.target.iter().position(|&byte| byte == b'?');
        &self.target[..end.unwrap_or(self.target.len())]
    }

    /// `htu` of RFC 9449 section 4.2: the target without query and fragment.
    fn uri(&self) -> String {
        let authority = String::from_utf8_lossy(self.authority).to_ascii_lowercase();
        format!("{}://{authority}{}", self.scheme, String::from_utf8_lossy(self.path()))
    }
}

/// Signs assertions, and caches them while they are fresh.
pub struct Asserter {
    issuer: Arc<str>,
    signer: Signer,
    fresh: Cache<[u8; 32], Arc<Made>>,
    hits: prometheus::IntCounter,
    misses: prometheus::IntCounter,
}

/// The key that signs.
enum Signer {
    /// The issuer's active signing key, which changes with a rotation.
    Own(Arc<Keys>),
    /// A key that this process created and that ends with it, for a verifier, which has no key of an issuer. Its `kid`
    /// is its thumbprint, so that keys of two instances have different ids.
    Ephemeral { key: Arc<SigningKey>, jwks: Arc<str> },
}

/// An assertion and the request it was signed for.
struct Made {
    value: HeaderValue,
    /// The same identity and route by pointer, not equal ones; held here, so that no other value can get their address.
    caller: Arc<Caller>,
    route: Arc<Route>,
    kid: Box<str>,
    since: OffsetDateTime,
    /// Until when it can be sent again: then half of its lifetime is left.
    fresh_until: OffsetDateTime,
}

/// The claims. `htm` and `htu` are those of RFC 9449, for the request that Sidegate makes.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: String,
    iat: i64,
    exp: i64,
    htm: &'a str,
    htu: String,
    /// The issuer of the caller's token: `sub` is unique for one issuer only.
    idp: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    roles: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    permissions: &'a [Box<str>],
}

impl Asserter {
    /// For an issuer: signs with its `keys`.
    pub fn of_issuer(issuer: &str, keys: Arc<Keys>, metrics: &Metrics) -> Self {
        Self::new(issuer, Signer::Own(keys), metrics)
    }

    /// For a verifier: signs with a new key.
    pub fn ephemeral(issuer: &str, key: SigningKey, metrics: &Metrics) -> Self {
        let jwks = jwks::document(std::iter::once(&**key.verifying_key())).into();
        let key = Arc::new(key);
        Self::new(issuer, Signer::Ephemeral { key, jwks }, metrics)
    }

    fn new(issuer: &str, signer: Signer, metrics: &Metrics) -> Self {
        Self {
            issuer: issuer.into(),
            signer,
            fresh: Cache::builder().max_capacity(KEPT).time_to_live(LONGEST_TTL).build(),
            hits: metrics.cache_requests.with_label_values(&["assertion", "hit"]),
            misses: metrics.cache_requests.with_label_values(&["assertion", "miss"]),
        }
    }

    /// The public keys as a JWK set; `None` before an issuer has loaded its keys.
    pub fn jwks(&self) -> Option<Arc<str>> {
        match &self.signer {
            Signer::Own(keys) => keys.jwks(),
            Signer::Ephemeral { jwks, .. } => Some(Arc::clone(jwks)),
        }
    }

    /// The header for an allowed request; `None` if its route sends none, or the caller is anonymous.
    ///
    /// # Errors
    /// `AssertionUnavailable`: an application that expects an assertion must not get a request without one.
    pub fn assert<'p>(
        &self,
        permit: &'p Permit,
        bound: &Bound<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<(&'p HeaderName, HeaderValue)>, Denial> {
        let (Some(rule), Some(caller)) = (&permit.route().identity.assertion, permit.caller()) else {
            return Ok(None);
        };
        let key = fingerprint(caller, permit.route(), bound);
        let kept = self.fresh.get(&key);
        let good = kept.filter(|made| {
            Arc::ptr_eq(&made.caller, caller)
                && Arc::ptr_eq(&made.route, permit.route())
                && (made.since..made.fresh_until).contains(&now)
                && self.signs_with(&made.kid)
        });
        if let Some(made) = good {
            self.hits.inc();
            return Ok(Some((&rule.header, made.value.clone())));
        }
        self.misses.inc();
        let made = self.make(rule, caller, permit.route(), bound, now)?;
        let value = made.value.clone();
        self.fresh.insert(key, Arc::new(made));
        Ok(Some((&rule.header, value)))
    }

    /// After a rotation, cached assertions of the old key are not sent: the key may have been retired because it
    /// leaked.
    fn signs_with(&self, kid: &str) -> bool {
        match &self.signer {
            Signer::Own(keys) => keys.is_signer(kid),
            Signer::Ephemeral { .. } => true,
        }
    }

    fn make(
        &self,
        rule: &AssertionRule,
        caller: &Arc<Caller>,
        route: &Arc<Route>,
        bound: &Bound<'_>,
        now: OffsetDateTime,
    ) -> Result<Made, Denial> {
        let key = match &self.signer {
            Signer::Own(keys) => keys.signer(),
            Signer::Ephemeral { key, .. } => Some(Arc::clone(key)),
        };
        let key = key.ok_or(Denial::AssertionUnavailable)?;
        let life = life(rule, &caller.identity, now);
        let claims = claims(&self.issuer, &caller.identity, route, bound, now, life);
        // `exp` has whole seconds, so that less than `life` can be left of a short one.
        let left = time_until(claims.exp, now).unwrap_or_default();
        let value = key.sign(TYP, &claims).ok();
        let value = value.and_then(|jwt| HeaderValue::try_from(jwt).ok());
        Ok(Made {
            value: value.ok_or_else(|| {
                tracing::error!(kid = key.kid(), "an assertion could not be signed");
                Denial::AssertionUnavailable
            })?,
            caller: Arc::clone(caller),
            route: Arc::clone(route),
            kid: key.kid().into(),
            since: now,
            fresh_until: now + left / 2,
        })
    }
}

impl std::fmt::Debug for Asserter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asserter")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// The claims that would be signed, for an explanation.
pub fn describe(
    issuer: &str,
    caller: &Identity,
    route: &Route,
    bound: &Bound<'_>,
    now: OffsetDateTime,
) -> Option<(HeaderName, serde_json::Value)> {
    let rule = route.identity.assertion.as_ref()?;
    let life = life(rule, caller, now);
    let claims = claims(issuer, caller, route, bound, now, life);
    Some((rule.header.clone(), serde_json::to_value(claims).ok()?))
}

/// The lifetime in seconds. An assertion ends with its token, at `exp`: an application knows nothing of the leeway in
/// which the token of another issuer is still accepted. In that time, an assertion lives for one second, the shortest
/// that can be written.
fn life(rule: &AssertionRule, caller: &Identity, now: OffsetDateTime) -> u64 {
    rule.ttl.min(caller.time_to_expiry(now)).as_secs().max(1)
}

/// The audience of an application: its upstream, in a form that no access token has as its audience by accident.
fn audience(route: &Route) -> String {
    format!("urn:sidegate:upstream:{}", route.upstream)
}

fn claims<'a>(
    issuer: &'a str,
    caller: &'a Identity,
    route: &Route,
    bound: &Bound<'a>,
    now: OffsetDateTime,
    life: u64,
) -> Claims<'a> {
    let iat = now.unix_timestamp();
    Claims {
        iss: issuer,
        aud: audience(route),
        iat,
        exp: iat.saturating_add_unsigned(life),
        htm: bound.method.as_str(),
        htu: bound.uri(),
        idp: &caller.issuer,
        sub: caller.subject(),
        sid: caller.session(),
        email: caller.verified_email(),
        preferred_username: caller.preferred_username(),
        roles: &caller.roles,
        permissions: &caller.permissions,
    }
}

/// The cache key of an assertion. A SHA-256, because the client chooses the path: with a weaker hash it could find a
/// second path with the same key, and the assertion of the first one would be sent.
fn fingerprint(caller: &Arc<Caller>, route: &Arc<Route>, bound: &Bound<'_>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&Arc::as_ptr(caller).addr().to_ne_bytes());
    context.update(&Arc::as_ptr(route).addr().to_ne_bytes());
    for part in [
        bound.method.as_str().as_bytes(),
        bound.scheme.as_bytes(),
        bound.authority,
        bound.path(),
    ] {
        // With lengths, so that no two different requests are the same text.
        context.update(&part.len().to_ne_bytes());
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
