//! `POST /auth/logout`
//!
//! Accepts an access token, expired or not, or a refresh token. Signing out twice is not an error.

use std::sync::Arc;

use axum::extract::State;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::body::Body;
use super::signed_in::session_of;
use super::{Caller, Problem, Services};
use crate::accounts::{Scope, SessionOf};
use crate::gate::denial::Denial;
use crate::secret::Secret;

/// The sessions to end, and the proof of who asks.
#[derive(Deserialize, Default, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logout {
    /// The sessions to end.
    #[serde(default)]
    scope: Scope,
    /// Identifies the session if there is no `Authorization` header.
    #[serde(default)]
    refresh_token: Option<String>,
}

/// Sign out
///
/// Accepts an access token, expired or not, or a refresh token. Signing out twice is not an error.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "sessions",
    security((), ("bearer" = [])),
    request_body(content = Option<Logout>, example = json!({"scope": "this"})),
    responses(
        (status = 204, description = "Signed out."),
        (status = 401, description = "`credentials_missing`"),
    )
)]
pub(super) async fn logout(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
    body: Option<Body<Logout>>,
) -> Result<StatusCode, Problem> {
    let body = body.map(|Body(body)| body).unwrap_or_default();
    if let Some(session) = session(&services, &caller, headers, body.refresh_token).await? {
        services
            .accounts
            .sessions
            .logout(session, body.scope, &caller.origin(), caller.received_at)
            .await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The session to end; `None` for a refresh token whose row was cleaned up: that session has ended already.
async fn session(
    services: &Services,
    caller: &Caller,
    headers: HeaderMap,
    refresh_token: Option<String>,
) -> Result<Option<SessionOf>, Problem> {
    if headers.contains_key(AUTHORIZATION) {
        let identified = (services.identify)(headers, caller.received_at).await?;
        return Ok(Some(session_of(&identified, services)?));
    }
    let presented = Secret::new(refresh_token.ok_or(Denial::CredentialsMissing)?);
    Ok(services.accounts.sessions.session_of_refresh(&presented).await?)
}
