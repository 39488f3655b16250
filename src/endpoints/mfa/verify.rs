//! `POST /auth/mfa/verify`: step-up, a second factor for an active session.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::super::body::Body;
use super::super::signed_in::SignedIn;
use super::super::{Caller, Problem, Services};
use super::{SecondFactor, Typed};

/// A step-up token: an access token of the same session that contains the second factor. The refresh token stays valid, and later
/// access tokens contain the second factor too.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600
}))]
pub(in super::super) struct RaisedAnswer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// The lifetime of the access token in seconds.
    expires_in: u64,
}

/// Verify a second factor for the current session (step-up)
///
/// Call it after a route answered `step_up_required`.
#[utoipa::path(
    post,
    path = "/mfa/verify",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = SecondFactor, example = json!({"totp": "492039"})),
    responses(
        (status = 200, description = "An access token that contains the second factor.", body = RaisedAnswer),
        (status = 403, description = "`mfa_code_invalid`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(in super::super) async fn verify(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<SecondFactor>,
) -> Result<Json<RaisedAnswer>, Problem> {
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let raised = services
        .accounts
        .mfa
        .step_up
        .verify(by, typed.factor(), &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(RaisedAnswer {
        access_token: raised.access.token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: raised.access.expires_in,
    }))
}
