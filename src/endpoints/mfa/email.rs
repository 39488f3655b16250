//! `/auth/mfa/email`: codes by mail.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::super::accepted::{Accepted, accepted};
use super::super::body::Body;
use super::super::signed_in::SignedIn;
use super::super::{Caller, Problem, Services};
use super::PasswordAgain;
use crate::secret::Secret;

/// Have a code mailed that proves a second factor
///
/// If the account turned that on.
#[utoipa::path(
    post,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "The letter is on its way.", body = Accepted),
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
        .email_factor
        .send_code(by, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

/// Turn codes by mail on as a second factor
///
/// The address has to be verified.
#[utoipa::path(
    put,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = PasswordAgain, example = json!({"password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 204, description = "On."),
        (status = 403, description = "`bad_credentials`, `email_unverified`"),
        (status = 404, description = "`mail_not_configured`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn enable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    services
        .accounts
        .email_factor
        .set(by, &password, true, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turn codes by mail off
#[utoipa::path(
    delete,
    path = "/mfa/email",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = PasswordAgain, example = json!({"password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 204, description = "Off."),
        (status = 403, description = "`bad_credentials`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn disable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    services
        .accounts
        .email_factor
        .set(by, &password, false, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
