//! All checks of a token, without a cache.

use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    claims,
    parse::{self, Parsed},
};
use crate::{
    gate::{
        denial::TokenFault,
        identity::Identity,
        rules::{Rules, issuer::IssuerRules},
    },
    keys::KeySet,
};

/// Verifies a token.
///
/// # Errors
/// The first check that fails.
pub(in crate::gate) fn check(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Identity, TokenFault> {
    let (parsed, issuer) = genuine(token, keys, rules)?;
    let identity = claims::identity(&parsed, issuer, &rules.wanted_claims)?;
    identity.check_times(now)?;
    Ok(identity)
}

/// Verifies a token that may have expired: enough to end its session, and for nothing else.
///
/// # Errors
/// The first check that fails.
pub(super) fn check_even_if_expired(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Identity, TokenFault> {
    let (parsed, issuer) = genuine(token, keys, rules)?;
    let identity = claims::identity(&parsed, issuer, &rules.wanted_claims)?;
    match identity.check_times(now) {
        Ok(()) | Err(TokenFault::Expired) => Ok(identity),
        Err(fault) => Err(fault),
    }
}

/// The identity of a token with these claims, for an explanation: every check except the signature.
///
/// # Errors
/// The first check that fails.
pub(in crate::gate) fn without_signature(
    claims: Value,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Identity, TokenFault> {
    let parsed = Parsed::without_signature(claims)?;
    let name = parsed.claims.text("iss")?.ok_or(TokenFault::BadClaims)?;
    let issuer = rules.issuers.get(name).ok_or(TokenFault::WrongIssuer)?;
    let identity = claims::identity(&parsed, issuer, &rules.wanted_claims)?;
    identity.check_times(now)?;
    Ok(identity)
}

/// Checks signature, issuer and type.
fn genuine<'s>(token: &str, keys: &KeySet, rules: &'s Rules) -> Result<(Parsed, &'s Arc<IssuerRules>), TokenFault> {
    let mut parsed = parse::token(token)?;
    let name = parsed.claims.text("iss")?.ok_or(TokenFault::BadClaims)?;
    let issuer = rules.issuers.get(name).ok_or(TokenFault::WrongIssuer)?;
    parsed.check_kind(issuer)?;
    let key = keys.find(name, parsed.kid.as_deref()).ok_or_else(|| {
        // Without a key of the issuer the token may be valid: refusing it with 401 would sign everybody out.
        if keys.knows(name) {
            TokenFault::UnknownKey
        } else {
            TokenFault::KeysUnavailable
        }
    })?;
    // The key's own algorithm is used in any case; a token that names another one was not made by the key's owner.
    if !key.algorithm().is_named(&parsed.algorithm) || !issuer.algorithms.contains(&key.algorithm()) {
        return Err(TokenFault::WrongAlgorithm);
    }
    let (input, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    if !key.verify(input.as_bytes(), signature) {
        return Err(TokenFault::BadSignature);
    }
    // Whether or not the token names its key: otherwise a token signed with a leaked key would be accepted if it omits
    // the `kid`.
    parsed.kid = Some(key.kid().to_owned());
    Ok((parsed, issuer))
}

/// The issuer that a token names, before it is verified.
pub(super) fn issuer_of(token: &str) -> Option<String> {
    parse::token(token).ok()?.claims.text("iss").ok()?.map(str::to_owned)
}
