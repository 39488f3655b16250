//! Reads the identity from the claims of a token with a valid signature.

use std::{num::NonZeroI64, sync::Arc};

use serde_json::Value;

use super::parse::Parsed;
use crate::gate::{
    denial::TokenFault,
    identity::{Identity, Texts},
    revocation,
    rules::issuer::{IssuerRules, RequiredClaim},
};

/// Reads the claims of a token whose signature was verified, and checks everything except the times. `wanted` are
/// additional claims to keep.
///
/// # Errors
/// `BadClaims`, `BoundToKey` or `WrongAudience`.
pub(super) fn identity(parsed: &Parsed, issuer: &IssuerRules, wanted: &[Box<str>]) -> Result<Identity, TokenFault> {
    let claims = &parsed.claims;
    let names = &issuer.claims;
    // RFC 7800: only the holder of that key may use the token, and nothing here verifies a proof of it (RFC 8705, RFC
    // 9449). As a plain bearer token it would work for a thief, which the binding is there to prevent.
    if claims.has("cnf") {
        return Err(TokenFault::BoundToKey);
    }
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
    if !audience.iter().any(|aud| issuer.audience.contains(aud)) {
        return Err(TokenFault::WrongAudience);
    }
    let subject = required("sub")?;
    // An id that is there has to be one: revocations are found by it.
    let id = |name: &str| match claims.text(name)? {
        Some(text) if !is_plain(text) => Err(TokenFault::BadClaims),
        id => Ok(id),
    };
    let session = id(&names.sid)?;
    let jti = id("jti")?;
    let issued_at = claims.date("iat")?;
    let is_there = |claim: &RequiredClaim| match claim {
        RequiredClaim::Jti => jti.is_some(),
        RequiredClaim::Sid => session.is_some(),
        RequiredClaim::Iat => issued_at.is_some(),
    };
    if !issuer.require.iter().all(is_there) {
        return Err(TokenFault::BadClaims);
    }
    let profile = |name: &str| claims.profile_text(name).map(|text| text.filter(|text| is_plain(text)));
    let amr = claims.list("amr", true)?;
    let expires_at = claims.date("exp")?.ok_or(TokenFault::BadClaims)?;
    let not_before = claims.date("nbf")?.unwrap_or(0).max(issued_at.unwrap_or(0));
    let email_verified = claims.value("email_verified") == Some(&Value::Bool(true));
    let texts = Texts::new([
        Some(subject),
        session,
        jti,
        profile(&names.email)?.filter(|_| email_verified),
        profile(&names.preferred_username)?,
    ]);
    Ok(Identity {
        key: revocation::key_fingerprint(parsed.kid.as_deref()),
        // Another issuer can use this claim for something else, which may not be a number.
        version: claims.value("ver").and_then(whole).unwrap_or(0),
        issuer: Arc::clone(&issuer.issuer),
        texts: texts.ok_or(TokenFault::BadClaims)?,
        expires_at,
        auth_time: claims.date("auth_time")?.and_then(NonZeroI64::new),
        mfa: amr.iter().any(|method| &**method == "mfa"),
        roles: claims.list(&names.roles, false)?.into(),
        scopes: claims.list(&names.scope, true)?.into(),
        permissions: claims.list(&names.permissions, false)?.into(),
        claims: wanted
            .iter()
            .filter_map(|name| Some((name.clone(), claims.value(name)?.clone())))
            .collect(),
        not_before: not_before.saturating_sub_unsigned(issuer.leeway.as_secs()),
        grace: issuer.grace().as_secs().try_into().unwrap_or(u16::MAX),
    })
}

fn whole(version: &Value) -> Option<u32> {
    version.as_u64()?.try_into().ok()
}

/// Checks that a value is not blank, and contains nothing that would end a line in a header or a log. A blank name would
/// be nobody's to an application that trims its headers.
fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}
