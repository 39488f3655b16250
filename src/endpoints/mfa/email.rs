//! `/auth/mfa/email`: emailed codes as a second factor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::super::accepted::{Accepted, accepted};
use super::super::body::Body;
use super::super::signed_in::SignedIn;
use super::super::{Caller, Problem, Services};
use super::Reauthentication;

/// Send a second-factor code by email
///
/// For an account that has enabled it; prove it at `/mfa/verify`.
#[utoipa::path(
    post,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "A code is sent.", body = Accepted),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(in super::super) async fn mail_code(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    services
        .accounts
        .mfa
        .email
        .send_code(by, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

/// Enable emailed codes as a second factor
///
/// Requires the current password, a verified email address, and for an account with an authenticator app one of its codes or a
/// recovery code.
#[utoipa::path(
    put,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 204, description = "Enabled."),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`, `email_unverified`"),
        (status = 404, description = "`mail_not_configured`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn enable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<StatusCode, Problem> {
    let proof = body.proof()?;
    services
        .accounts
        .mfa
        .email
        .set(by, proof.as_proof(), true, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Disable emailed codes as a second factor
///
/// Requires the current password and the strongest second factor of the account.
#[utoipa::path(
    delete,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 204, description = "Disabled."),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn disable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<StatusCode, Problem> {
    let proof = body.proof()?;
    services
        .accounts
        .mfa
        .email
        .set(by, proof.as_proof(), false, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
