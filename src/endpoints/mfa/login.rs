//! `/auth/login/mfa`: the second step of a sign-in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::super::accepted::{Accepted, accepted};
use super::super::body::Body;
use super::super::login::{LoginAnswer, signed_in};
use super::super::problem::Code;
use super::super::{Caller, Problem, Services};
use super::Typed;
use crate::accounts::MfaError;
use crate::secret::Secret;

/// The second step of a sign-in: `mfa_token` and exactly one of the three factors.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SecondStep {
    /// The `mfa_token` of the response of `/login`.
    mfa_token: String,
    /// The current code of the authenticator app.
    #[serde(default)]
    totp: Option<String>,
    /// A recovery code. It works once.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code sent by email.
    #[serde(default)]
    email_code: Option<String>,
}

/// The sign-in to send a code for.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MfaTokenOnly {
    /// The `mfa_token` of the response of `/login`.
    mfa_token: String,
}

/// Complete a sign-in with a second factor
///
/// An `mfa_token` can be tried five times. Wrong codes count like wrong passwords: too many lock the account for a while.
#[utoipa::path(
    post,
    path = "/login/mfa",
    tag = "sessions",
    request_body(content = SecondStep, example = json!({"mfa_token": "sgm_AfSU8mJbQ0", "totp": "492039"})),
    responses(
        (status = 200, description = "Signed in.", body = LoginAnswer,
            headers(("set-cookie" = String, description = "`sidegate_device`: the device token"))),
        (status = 401, description = "`mfa_code_invalid`; `mfa_token_invalid`: sign in again"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(in super::super) async fn login(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<SecondStep>,
) -> Result<Response, Problem> {
    let mfa_token = Secret::new(body.mfa_token);
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let done = services
        .accounts
        .mfa
        .second_step
        .complete(&mfa_token, typed.factor(), &caller.origin(), caller.received_at)
        .await
        .map_err(at_login)?;
    Ok(signed_in(done, &services, &caller))
}

/// Send a code by email that completes a sign-in
///
/// For an account that has enabled emailed codes.
#[utoipa::path(
    post,
    path = "/login/mfa/email",
    tag = "sessions",
    request_body(content = MfaTokenOnly, example = json!({"mfa_token": "sgm_AfSU8mJbQ0"})),
    responses(
        (status = 202, description = "A code is sent.", body = Accepted),
        (status = 401, description = "`mfa_token_invalid`: sign in again"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(in super::super) async fn mail_login_code(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<MfaTokenOnly>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let mfa_token = Secret::new(body.mfa_token);
    services
        .accounts
        .mfa
        .second_step
        .email_code(&mfa_token, &caller.origin(), caller.received_at)
        .await
        .map_err(at_login)?;
    Ok(accepted())
}

/// At sign-in a wrong code is 401, like a wrong password; for a caller who is signed in it is 403, because the token is valid.
fn at_login(error: MfaError) -> Problem {
    match error {
        MfaError::WrongCode => Problem::new(Code::MfaCodeInvalid),
        other => other.into(),
    }
}
