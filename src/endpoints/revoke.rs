//! `POST /auth/revoke` (RFC 7009)

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use time::OffsetDateTime;

use super::form::Form;
use super::introspect::{Presented, bearer};
use super::signed_in::session_of;
use super::{Caller, Identified, Problem, Services, client};
use crate::secret::Secret;

/// Revoke a token (RFC 7009)
///
/// An access token is revoked alone, on every instance; a refresh token with its whole session. The response is the same for a token
/// that is unknown, expired or revoked already.
#[utoipa::path(
    post,
    path = "/revoke",
    tag = "tokens",
    security(("client" = [])),
    request_body(
        content = Presented,
        content_type = "application/x-www-form-urlencoded",
        example = json!({"token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s", "token_type_hint": "refresh_token"})
    ),
    responses((status = 200, description = "Revoked."))
)]
pub(super) async fn revoke(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
) -> Result<StatusCode, Problem> {
    let client = client::authenticate(&services, &caller, &headers, &form).await?;
    let token = form.required("token")?;
    let (origin, now) = (caller.origin(), caller.received_at);
    let accounts = &services.accounts;
    match live(&services, token, now).await {
        Some(identified) => {
            // Our tokens always have an id. An empty one must never be revoked, because that would revoke every token
            // without an id.
            if let Some(id) = &identified.token_id {
                let session = session_of(&identified, &services).ok();
                accounts
                    .token_clients
                    .revoke_access(session, id, client, &origin, now)
                    .await?;
            }
        }
        None => {
            accounts
                .token_clients
                .revoke_refresh(&Secret::new(token), client, &origin, now)
                .await?;
        }
    }
    Ok(StatusCode::OK)
}

/// An access token of this issuer that could still be used. While the revocation view is stale, a valid signature is enough: a token
/// that may be live is revoked.
async fn live(services: &Services, token: &str, now: OffsetDateTime) -> Option<Identified> {
    let headers = bearer(token)?;
    let found = match (services.authenticate)(headers.clone(), now).await {
        Err(denial) if denial.status() == StatusCode::SERVICE_UNAVAILABLE => (services.identify)(headers, now).await,
        judged => judged,
    };
    found
        .ok()
        .filter(|identified| identified.issuer == services.accounts.settings.issuer)
}
