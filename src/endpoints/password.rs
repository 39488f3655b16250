//! `POST /auth/password/change`, `/forgot`, `/reset`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use super::accepted::{Accepted, accepted};
use super::body::Body;
use super::mfa::TypedProof;
use super::problem::Code;
use super::signed_in::SignedIn;
use super::{Caller, Problem, Services};
use crate::accounts::{EmailRequestError, PasswordChangeError, ResetError};
use crate::gate::denial::Denial;
use crate::secret::Secret;

/// The current password and the new one, and for an account with a second factor one of the three fields for it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePassword {
    password: String,
    /// The new password. `auth.password` can require more than 8 characters, and bcrypt takes at most 72 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    new_password: String,
    /// The current code of the authenticator app, if the account has one.
    #[serde(default)]
    totp: Option<String>,
    /// A recovery code, instead of another second factor.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code sent by email, if the account has enabled these and has no authenticator app.
    #[serde(default)]
    email_code: Option<String>,
}

/// The email address of the account whose password was forgotten.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PasswordForgotten)]
#[serde(deny_unknown_fields)]
pub(super) struct Forgot {
    email: String,
}

/// The token of the emailed link, and the new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PasswordReset)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    token: String,
    /// The new password. `auth.password` can require more than 8 characters, and bcrypt takes at most 72 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
}

/// Change your password
///
/// Requires the current password and the strongest second factor of the account. Every other session ends, and its access tokens are revoked; the caller's session goes on. Earlier
/// password reset links no longer work.
#[utoipa::path(
    post,
    path = "/password/change",
    tag = "password",
    security(("bearer" = [])),
    request_body(content = ChangePassword, example = json!({
        "password": "quarrel-lantern-71-osprey", "new_password": "tepid-gravel-19-walnut"
    })),
    responses(
        (status = 204, description = "The password is changed."),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Body(body): Body<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let proof = TypedProof::read(body.password, body.totp, body.recovery_code, body.email_code)?;
    let new = Secret::new(body.new_password);
    services
        .accounts
        .password
        .change
        .change(session, proof.as_proof(), &new, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a password reset link by email
///
/// The response does not reveal whether there is an account. It is also the same when the rate limit of the email address is
/// exceeded, and then no email is sent.
#[utoipa::path(
    post,
    path = "/password/forgot",
    tag = "password",
    request_body(content = Forgot, example = json!({"email": "alice@example.com"})),
    responses(
        (status = 202, description = "If there is such an account, an email is sent.", body = Accepted),
        (status = 404, description = "`mail_not_configured`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn forgot(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Forgot>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    services
        .accounts
        .password
        .reset
        .forgot(&body.email, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

/// Reset a password with the token of the emailed link
///
/// The token works once; a new password that is not accepted does not use it up, and the current one is not accepted. Every session of the account ends, and all its access
/// tokens are outdated. A lock caused by wrong passwords is removed, a lock by an operator is not.
#[utoipa::path(
    post,
    path = "/password/reset",
    tag = "password",
    request_body(content = Reset, example = json!({
        "token": "sgp_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "password": "tepid-gravel-19-walnut"
    })),
    responses(
        (status = 204, description = "The password is set; sign in with it."),
        (status = 400, description = "`reset_token_invalid`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn reset(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Reset>,
) -> Result<StatusCode, Problem> {
    let (token, password) = (Secret::new(body.token), Secret::new(body.password));
    services
        .accounts
        .password
        .reset
        .reset(&token, &password, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PasswordChangeError> for Problem {
    fn from(error: PasswordChangeError) -> Self {
        match error {
            PasswordChangeError::NotFound => Denial::Revoked.into(),
            PasswordChangeError::Reauthentication(error) => error.into(),
            PasswordChangeError::Password(weakness) => Self::field("new_password", weakness.code(), &weakness),
            PasswordChangeError::Unchanged => Self::field("new_password", "password_unchanged", &error),
            PasswordChangeError::Failure(failure) => failure.into(),
        }
    }
}

impl From<EmailRequestError> for Problem {
    fn from(error: EmailRequestError) -> Self {
        match error {
            EmailRequestError::NoMail => Self::new(Code::MailNotConfigured),
            EmailRequestError::Email(_) => Self::field("email", "email_invalid", &error),
            EmailRequestError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            EmailRequestError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Invalid => Self::new(Code::ResetTokenInvalid),
            ResetError::Password(weakness) => Self::field("password", weakness.code(), &weakness),
            ResetError::Unchanged => Self::field("password", "password_unchanged", &error),
            ResetError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            ResetError::Failure(failure) => failure.into(),
        }
    }
}
