//! Reads the identity from the claims of a token with a valid signature.

use std::{num::NonZeroI64, sync::Arc};

use serde_json::Value;

use super::parse::Parsed;
use crate::gate::{
    denial::TokenFault,
    identity::{Identity, Texts},
    revocation,
    rules::issuer::{IssuerRules, KeySource},
};

/// Reads the claims of a token whose signature was verified, and checks everything except the times. `wanted` are
/// additional claims to keep.
///
/// # Errors
/// `BadClaims` or `WrongAudience`.
pub(super) fn identity(parsed: &Parsed, issuer: &IssuerRules, wanted: &[Box<str>]) -> Result<Identity, TokenFault> {
    let claims = &parsed.claims;
    let names = &issuer.claims;
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
    let optional = |name: &str| claims.text(name).map(|text| text.filter(|text| is_plain(text)));
    let session = optional(&names.sid)?;
    let jti = optional("jti")?;
    let issued_at = claims.date("iat")?;
    // Our tokens always have these; without them a token could not be revoked.
    if issuer.keys == KeySource::Own && (session.is_none() || jti.is_none() || issued_at.is_none()) {
        return Err(TokenFault::BadClaims);
    }
    let amr = claims.list("amr", true)?;
    let expires_at = claims.date("exp")?.ok_or(TokenFault::BadClaims)?;
    let leeway = issuer.leeway.as_secs().try_into().unwrap_or(u16::MAX);
    let email_verified = claims.value("email_verified") == Some(&Value::Bool(true));
    let texts = Texts::new([
        Some(subject),
        session,
        jti,
        optional(&names.email)?.filter(|_| email_verified),
        optional(&names.preferred_username)?,
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
        not_before: claims.date("nbf")?.unwrap_or(0).max(issued_at.unwrap_or(0)),
        leeway,
    })
}

fn whole(version: &Value) -> Option<u32> {
    version.as_u64()?.try_into().ok()
}

/// Checks that a value is not empty, and contains nothing that would end a line in a header or a log.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
