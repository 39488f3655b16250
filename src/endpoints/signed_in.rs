//! The caller of an endpoint that requires an access token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{Caller, Identified, Problem, Services};
use crate::accounts::SessionOf;
use crate::gate::denial::{Denial, TokenFault};

/// A caller whose access token the gate accepts.
pub(super) struct SignedIn(pub(super) SessionOf);

impl FromRequestParts<Arc<Services>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Problem> {
        let (session, _) = signed_in(parts, services).await?;
        Ok(Self(session))
    }
}

/// Verifies the token and records an activity event.
pub(super) async fn signed_in(parts: &mut Parts, services: &Arc<Services>) -> Result<(SessionOf, Identified), Problem> {
    let caller = Caller::from_request_parts(parts, services).await?;
    let identified = (services.authenticate)(parts.headers.clone(), caller.received_at).await?;
    let session = session_of(&identified, services)?;
    services.activity.note_call(
        &identified.issuer,
        &identified.subject,
        identified.session.as_deref(),
        caller.address,
        &parts.headers,
        caller.received_at,
    );
    Ok((session, identified))
}

/// The session of a token of this issuer. A token of another issuer may be accepted by proxied routes, but it belongs to no account
/// of this issuer.
pub(super) fn session_of(identified: &Identified, services: &Services) -> Result<SessionOf, Denial> {
    if identified.issuer != services.accounts.settings.issuer {
        return Err(TokenFault::WrongIssuer.into());
    }
    let session = identified.session.as_deref().and_then(|sid| sid.parse().ok());
    match (identified.subject.parse(), session) {
        (Ok(user_id), Some(session_id)) => Ok(SessionOf { user_id, session_id }),
        _ => Err(TokenFault::BadClaims.into()),
    }
}
