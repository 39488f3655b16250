//! All checks on one token, without any cache.

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

/// Who `token` speaks of.
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

/// The same, but for a token that may have expired: good enough to end the session it names, and for nothing else.
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

/// Who a token with these claims would speak of, for an explanation: every check but that of the signature.
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

/// Signature, issuer and kind.
fn genuine<'s>(token: &str, keys: &KeySet, rules: &'s Rules) -> Result<(Parsed, &'s Arc<IssuerRules>), TokenFault> {
    let mut parsed = parse::token(token)?;
    let name = parsed.claims.text("iss")?.ok_or(TokenFault::BadClaims)?;
    let issuer = rules.issuers.get(name).ok_or(TokenFault::WrongIssuer)?;
    parsed.check_kind(issuer)?;
    let key = keys.find(name, parsed.kid.as_deref()).ok_or_else(|| {
        // Without any key of the issuer nothing is known of the token: to call it bad would sign everybody out.
        if keys.knows(name) {
            TokenFault::UnknownKey
        } else {
            TokenFault::KeysUnavailable
        }
    })?;
    // Stated or not, the key's own algorithm is what is used; a token that names another is not what the key's owner made.
    if parsed.algorithm != key.algorithm().name() || !issuer.algorithms.contains(&key.algorithm()) {
        return Err(TokenFault::WrongAlgorithm);
    }
    let (input, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    if !key.verify(input.as_bytes(), signature) {
        return Err(TokenFault::BadSignature);
    }
    // Named or not: without this a token that a leaked key signed would pass by leaving out its name.
    parsed.kid = Some(key.kid().to_owned());
    Ok((parsed, issuer))
}

/// The issuer that a token names, true or not.
pub(super) fn issuer_of(token: &str) -> Option<String> {
    parse::token(token).ok()?.claims.text("iss").ok()?.map(str::to_owned)
}
