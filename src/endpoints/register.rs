//! `POST /auth/register`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::accepted::{Accepted, accepted};
use super::body::Body;
use super::me::{profile_problem, username_taken};
use super::problem::Code;
use super::{Caller, Problem, Services};
use crate::accounts::{Registration, RegistrationError};
use crate::secret::Secret;

/// The account to register.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    email: String,
    #[serde(default)]
    username: Option<String>,
    /// The password. `auth.password` can require more than 8 characters, and bcrypt takes at most 72 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
    #[serde(default)]
    profile: Map<String, Value>,
    /// The token of the invitation, which works for the invited email address only.
    #[serde(default)]
    invitation: Option<String>,
}

/// Register an account
///
/// The response does not reveal whether the email address is taken; if so, its owner is notified by email. Otherwise a verification
/// code is sent to it, unless the account is registered with an invitation, which was sent there and so verifies it.
#[utoipa::path(
    post,
    path = "/register",
    tag = "account",
    request_body(content = Register, example = json!({
        "email": "alice@example.com", "username": "alice", "password": "quarrel-lantern-71-osprey", "profile": {"name": "Alice"}
    })),
    responses(
        (status = 202, description = "Accepted.", body = Accepted),
        (status = 403, description = "`registration_closed`, `invitation_required`, `invitation_invalid`"),
        (status = 409, description = "`username_taken`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn register(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Register>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let password = Secret::new(body.password);
    let invitation = body.invitation.map(Secret::new);
    let wanted = Registration {
        email: &body.email,
        username: body.username.as_deref(),
        password: &password,
        profile: &body.profile,
        invitation: invitation.as_ref(),
    };
    services
        .accounts
        .registration
        .registrations
        .register(wanted, &caller.origin(), caller.received_at)
        .await?;
    Ok(accepted())
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Closed => Self::new(Code::RegistrationClosed),
            RegistrationError::NotInvited => Self::new(Code::InvitationRequired),
            RegistrationError::InvitationInvalid => Self::new(Code::InvitationInvalid),
            RegistrationError::DomainNotAllowed => Self::field("email", "domain_not_allowed", &error),
            RegistrationError::Email(_) => Self::field("email", "email_invalid", &error),
            RegistrationError::Username(_) => Self::field("username", "username_invalid", &error),
            RegistrationError::UsernameTaken => username_taken(),
            RegistrationError::Password(weakness) => Self::field("password", weakness.code(), &weakness),
            RegistrationError::Profile(error) => profile_problem(error),
            RegistrationError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            RegistrationError::Failure(failure) => failure.into(),
        }
    }
}
