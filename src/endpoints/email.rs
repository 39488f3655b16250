//! `POST /auth/email/verify`, `/verify/resend`, `/change`, `/change/confirm`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::accepted::{Accepted, accepted};
use super::body::Body;
use super::mfa::TypedProof;
use super::problem::Code;
use super::signed_in::{SignedIn, session_of};
use super::{Caller, Problem, Services};
use crate::accounts::{Claimant, CodeError, EmailChangeError, EmailConfirmError};
use crate::gate::denial::Denial;

/// An emailed verification code.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = EmailVerification)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// The email address that the code was sent to. Without it: that of the caller's account.
    #[serde(default)]
    email: Option<String>,
    code: String,
}

/// The email address to send a code to.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = EmailVerificationResend)]
#[serde(deny_unknown_fields)]
pub(super) struct Resend {
    email: String,
}

/// The new email address of the caller's account, the current password, and for an account with a second factor one of the three
/// fields for it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEmail {
    new_email: String,
    password: String,
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

/// The two codes of a change of the email address.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmChange {
    /// The code sent to the current email address.
    code_old: String,
    /// The code sent to the new email address.
    code_new: String,
}

/// Verify an email address with the code sent to it
///
/// With `email` no access token is needed, and one that is sent is ignored. A code can be tried five times; an unknown email address
/// is answered like a wrong code. Access tokens issued before have `email_verified: false` until they are refreshed.
#[utoipa::path(
    post,
    path = "/email/verify",
    tag = "email",
    security((), ("bearer" = [])),
    request_body(content = Verify, example = json!({"email": "alice@example.com", "code": "123456"})),
    responses(
        (status = 204, description = "The email address is verified."),
        (status = 400, description = "`email_code_invalid`"),
        (status = 401, description = "`credentials_missing`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn verify(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<Verify>,
) -> Result<StatusCode, Problem> {
    let claimant = if let Some(email) = &body.email {
        Claimant::Address(email)
    } else {
        let identified = (services.authenticate)(headers, caller.received_at).await?;
        Claimant::SignedIn(session_of(&identified, &services)?.user_id)
    };
    services
        .accounts
        .email
        .verification
        .verify(claimant, &body.code, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send another verification code
///
/// The response does not reveal whether there is an account, or whether its email address is verified. Earlier codes no longer work.
#[utoipa::path(
    post,
    path = "/email/verify/resend",
    tag = "email",
    request_body(content = Resend, example = json!({"email": "alice@example.com"})),
    responses(
        (status = 202, description = "If there is such an account, and its email address is not verified, a code is sent.", body = Accepted),
        (status = 404, description = "`mail_not_configured`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn resend(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Resend>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    services
        .accounts
        .email
        .verification
        .resend(&body.email, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

/// Start a change of the email address
///
/// Requires the current password and the strongest second factor of the account. A code is sent to each of the two email addresses.
/// The response is the same if the new one belongs to another account.
#[utoipa::path(
    post,
    path = "/email/change",
    tag = "email",
    security(("bearer" = [])),
    request_body(content = ChangeEmail, example = json!({
        "new_email": "alice@example.org", "password": "quarrel-lantern-71-osprey"
    })),
    responses(
        (status = 202, description = "Two codes are sent.", body = Accepted),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 404, description = "`mail_not_configured`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Body(body): Body<ChangeEmail>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let proof = TypedProof::read(body.password, body.totp, body.recovery_code, body.email_code)?;
    services
        .accounts
        .email
        .change
        .request(
            session,
            &body.new_email,
            proof.as_proof(),
            &caller.origin(),
            caller.received_at,
        )
        .await?;
    Ok(accepted())
}

/// Confirm a change of the email address with both codes
///
/// The response does not tell which of the two is wrong, and a pair can be tried five times. Access tokens issued before contain the
/// previous email address and are outdated: refresh them.
#[utoipa::path(
    post,
    path = "/email/change/confirm",
    tag = "email",
    security(("bearer" = [])),
    request_body(content = ConfirmChange, example = json!({"code_old": "123456", "code_new": "654321"})),
    responses(
        (status = 204, description = "The email address is changed and verified."),
        (status = 400, description = "`email_code_invalid`"),
        (status = 409, description = "`email_taken`"),
    )
)]
pub(super) async fn confirm(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Body(body): Body<ConfirmChange>,
) -> Result<StatusCode, Problem> {
    services
        .accounts
        .email
        .change
        .confirm(
            session,
            &body.code_old,
            &body.code_new,
            &caller.origin(),
            caller.received_at,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CodeError> for Problem {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Wrong => Self::new(Code::EmailCodeInvalid),
            CodeError::Email(_) => Self::field("email", "email_invalid", &error),
            CodeError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            CodeError::Failure(failure) => failure.into(),
        }
    }
}

impl From<EmailChangeError> for Problem {
    fn from(error: EmailChangeError) -> Self {
        match error {
            EmailChangeError::NoMail => Self::new(Code::MailNotConfigured),
            EmailChangeError::Email(_) => Self::field("new_email", "email_invalid", &error),
            EmailChangeError::Unchanged => Self::field("new_email", "email_unchanged", &error),
            EmailChangeError::DomainNotAllowed => Self::field("new_email", "domain_not_allowed", &error),
            EmailChangeError::Reauthentication(error) => error.into(),
            EmailChangeError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            EmailChangeError::Failure(failure) => failure.into(),
        }
    }
}

impl From<EmailConfirmError> for Problem {
    fn from(error: EmailConfirmError) -> Self {
        match error {
            EmailConfirmError::NotFound => Denial::Revoked.into(),
            EmailConfirmError::Wrong => Self::new(Code::EmailCodeInvalid),
            EmailConfirmError::Taken => Self::new(Code::EmailTaken),
            EmailConfirmError::Failure(failure) => failure.into(),
        }
    }
}
