//! Whether a token is what it says: signature, issuer, audience, kind, times.
//!
//! The key is chosen by issuer and `kid` among those configured, and the algorithm belongs to the key: the token never
//! decides how it is checked. What passed is cached under the SHA-256 of its bytes until it expires, so that a signature
//! is checked once and not once per request. Revocation is *not* part of what is cached.

mod cache;
pub(super) mod check;
mod claims;
mod parse;
mod shared;
mod standard;

use std::sync::Arc;

use time::OffsetDateTime;

pub use self::cache::Verifier;
pub(super) use self::{check::without_signature, standard::Standard};
use super::{
    caller::Caller,
    credentials::Unverified,
    denial::Denial,
    rules::{Rules, route::Route},
};

/// A caller whose token is genuine, or who may be anonymous. Only [`token`] makes one.
#[derive(Debug)]
pub struct Verified {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Caller>>,
}

/// Verifies the token of a request, or finds that it was verified before.
///
/// # Errors
/// `Denial::Token` says which check failed.
pub(super) fn token(
    unverified: Unverified<'_>,
    verifier: &Verifier,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Verified, Denial> {
    let Unverified { route, token } = unverified;
    let caller = token.map(|token| verifier.caller(&token, rules, now)).transpose()?;
    Ok(Verified { route, caller })
}

#[cfg(test)]
mod tests;
