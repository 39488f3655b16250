//! Verifies a token: signature, issuer, audience, type, times.
//!
//! The key is chosen by issuer and `kid` from the configured ones, and the algorithm belongs to the key: the token
//! never decides how it is verified. Verified tokens are cached by the SHA-256 of their bytes until they expire, so
//! that a signature is checked once and not with every request. Revocation is *not* cached.

mod cache;
pub(super) mod check;
mod claims;
#[cfg(fuzzing)]
pub mod fuzzing;
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

/// A caller whose token was verified, or who is anonymous. Only [`token`] creates one.
#[derive(Debug)]
pub struct Verified {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Caller>>,
}

/// Verifies the token of a request, or finds it in the cache.
///
/// # Errors
/// `Denial::Token` with the check that failed.
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
