//! Whether a token is what it says: signature, issuer, audience, kind, times.
//!
//! The key is chosen by issuer and `kid` among those configured, and the algorithm belongs to the key: the token never
//! decides how it is checked. What passed is cached under the SHA-256 of its bytes until it expires, so that a signature
//! is checked once and not once per request. Revocation is *not* part of what is cached.

mod cache;
mod claims;
mod parse;
mod shared;
mod texts;

use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

pub use self::cache::Verifier;
pub use self::claims::Identity;
use self::parse::Parsed;
use super::{
    credentials::Unverified,
    denial::{Denial, TokenFault},
    route::Route,
    snapshot::{IssuerRules, Snapshot},
};
use crate::keys::KeySet;

/// A caller whose token is genuine, or who may be anonymous. Only [`token`] makes one.
#[derive(Debug)]
pub struct Verified {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Identity>>,
}

/// Verifies the token of a request, or finds that it was verified before.
///
/// # Errors
/// `Denial::Token` says which check failed.
pub(super) fn token(
    unverified: Unverified<'_>,
    verifier: &Verifier,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Verified, Denial> {
    let Unverified { route, token } = unverified;
    let caller = token.map(|token| verifier.identity(token, snapshot, now)).transpose()?;
    Ok(Verified { route, caller })
}

/// All checks on one token, without any cache.
///
/// # Errors
/// The first check that fails.
pub(super) fn check(
    token: &str,
    keys: &KeySet,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Identity, TokenFault> {
    let (parsed, rules) = genuine(token, keys, snapshot)?;
    let identity = Identity::read(&parsed, rules, snapshot)?;
    identity.check_times(now)?;
    Ok(identity)
}

/// The same, but for a token that may have expired: good enough to end the session it names, and for nothing else.
///
/// # Errors
/// The first check that fails.
pub(super) fn check_even_if_expired(
    token: &str,
    keys: &KeySet,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Identity, TokenFault> {
    let (parsed, rules) = genuine(token, keys, snapshot)?;
    let identity = Identity::read(&parsed, rules, snapshot)?;
    match identity.check_times(now) {
        Ok(()) | Err(TokenFault::Expired) => Ok(identity),
        Err(fault) => Err(fault),
    }
}

/// Who a token with these claims would speak of, for an explanation: every check but that of the signature.
///
/// # Errors
/// The first check that fails.
pub(super) fn imagine(claims: Value, snapshot: &Snapshot, now: OffsetDateTime) -> Result<Identity, TokenFault> {
    let parsed = Parsed::imagined(claims)?;
    let issuer = parsed.claims.text("iss")?.ok_or(TokenFault::BadClaims)?;
    let rules = snapshot.issuers.get(issuer).ok_or(TokenFault::WrongIssuer)?;
    let identity = Identity::read(&parsed, rules, snapshot)?;
    identity.check_times(now)?;
    Ok(identity)
}

/// Signature, issuer and kind.
fn genuine<'s>(
    token: &str,
    keys: &KeySet,
    snapshot: &'s Snapshot,
) -> Result<(Parsed, &'s Arc<IssuerRules>), TokenFault> {
    let mut parsed = parse::token(token)?;
    let issuer = parsed.claims.text("iss")?.ok_or(TokenFault::BadClaims)?;
    let rules = snapshot.issuers.get(issuer).ok_or(TokenFault::WrongIssuer)?;
    parsed.check_kind(rules)?;
    let key = keys.find(issuer, parsed.kid.as_deref()).ok_or_else(|| {
        // Without any key of the issuer nothing is known of the token: to call it bad would sign everybody out.
        if keys.knows(issuer) {
            TokenFault::UnknownKey
        } else {
            TokenFault::KeysUnavailable
        }
    })?;
    // Stated or not, the key's own algorithm is what is used; a token that names another is not what the key's owner made.
    if parsed.algorithm != key.algorithm().name() || !rules.algorithms.contains(&key.algorithm()) {
        return Err(TokenFault::WrongAlgorithm);
    }
    let (input, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    if !key.verify(input.as_bytes(), signature) {
        return Err(TokenFault::BadSignature);
    }
    // Named or not: without this a token that a leaked key signed would pass by leaving out its name.
    parsed.kid = Some(key.kid().to_owned());
    Ok((parsed, rules))
}

/// The issuer that a token names, true or not.
fn issuer_of(token: &str) -> Option<String> {
    parse::token(token).ok()?.claims.text("iss").ok()?.map(str::to_owned)
}

#[cfg(test)]
mod tests;
