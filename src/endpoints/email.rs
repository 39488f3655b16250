//! `POST /auth/email/verify`, `/verify/resend`, `/change`, `/change/confirm`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::accepted::{Accepted, accepted};
use super::body::Body;
use super::problem::Code;
use super::signed_in::{SignedIn, session_of};
use super::{Caller, Problem, Services};
use crate::accounts::{Claimant, CodeError, EmailChangeError, EmailConfirmError};
use crate::gate::denial::Denial;
use crate::secret::Secret;

/// The code that was mailed.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = EmailVerification)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// The address it went to. Left out: that of the account which is signed in.
    #[serde(default)]
    email: Option<String>,
    code: String,
}

/// Who wants another code.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = EmailVerificationResend)]
#[serde(deny_unknown_fields)]
pub(super) struct Resend {
    email: String,
}

/// Where an account shall move.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEmail {
    new_email: String,
    password: String,
}

/// Both codes.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmChange {
    /// From the letter to the address of today.
    code_old: String,
    /// From the letter to the new one.
    code_new: String,
}

/// Confirm an address with the code that was mailed there
///
/// With `email` nobody has to be signed in, and a token is not looked at. A wrong code costs one of five attempts; an unknown
/// address looks like a wrong code. Access tokens that are out say `email_verified: false` until they are refreshed.
#[utoipa::path(
    post,
    path = "/email/verify",
    tag = "email",
    security((), ("bearer" = [])),
    request_body(content = Verify, example = json!({"email": "alice@example.com", "code": "123456"})),
    responses(
        (status = 204, description = "Confirmed."),
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
        .email_verification
        .verify(claimant, &body.code, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for another code
///
/// The answer is the same whether there is an account or not, and whether its address is confirmed already. The code before is void.
#[utoipa::path(
    post,
    path = "/email/verify/resend",
    tag = "email",
    request_body(content = Resend, example = json!({"email": "alice@example.com"})),
    responses(
        (status = 202, description = "If there is such an account, and its address is not confirmed, a letter is on its way.", body = Accepted),
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
        .email_verification
        .resend(&body.email, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

/// Begin a change of address
///
/// A code goes to each of the two addresses. The answer is the same when the new one belongs to another account.
#[utoipa::path(
    post,
    path = "/email/change",
    tag = "email",
    security(("bearer" = [])),
    request_body(content = ChangeEmail, example = json!({
        "new_email": "alice@example.org", "password": "quarrel-lantern-71-osprey"
    })),
    responses(
        (status = 202, description = "Two letters are on their way.", body = Accepted),
        (status = 403, description = "`bad_credentials`"),
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
    let password = Secret::new(body.password);
    services
        .accounts
        .email_change
        .request(
            session,
            &body.new_email,
            &password,
            &caller.origin(),
            caller.received_at,
        )
        .await?;
    Ok(accepted())
}

/// Confirm a change of address with both codes
///
/// The two count as one: which of them is wrong is not told, and five wrong pairs use them up. Access tokens from before carry the
/// old address and are outdated: refresh.
#[utoipa::path(
    post,
    path = "/email/change/confirm",
    tag = "email",
    security(("bearer" = [])),
    request_body(content = ConfirmChange, example = json!({"code_old": "123456", "code_new": "654321"})),
    responses(
        (status = 204, description = "The account has the new address, and it counts as confirmed."),
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
        .email_change
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
            EmailChangeError::NotFound => Denial::Revoked.into(),
            EmailChangeError::Email(_) => Self::field("new_email", "email_invalid", &error),
            EmailChangeError::Unchanged => Self::field("new_email", "email_unchanged", &error),
            EmailChangeError::DomainNotAllowed => Self::field("new_email", "domain_not_allowed", &error),
            EmailChangeError::WrongPassword => Self::new(Code::PasswordWrong),
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
