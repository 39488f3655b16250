//! `POST /auth/register`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::Body;
use super::me::{profile_problem, username_taken};
use super::problem::Code;
use super::{Caller, Problem, Services};
use crate::accounts::{Registration, RegistrationError};
use crate::secret::Secret;

/// Who wants an account.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    email: String,
    #[serde(default)]
    username: Option<String>,
    password: String,
    #[serde(default)]
    profile: Map<String, Value>,
}

/// The same for a free address and a taken one; whoever owns it can sign in.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "accepted"}))]
pub(super) struct Accepted {
    /// Always `accepted`.
    status: &'static str,
}

/// Create an account
///
/// The answer is the same whether the address was free or taken.
#[utoipa::path(
    post,
    path = "/register",
    tag = "account",
    request_body(content = Register, example = json!({
        "email": "alice@example.com", "username": "alice", "password": "quarrel-lantern-71-osprey", "profile": {"name": "Alice"}
    })),
    responses(
        (status = 202, description = "Accepted.", body = Accepted),
        (status = 403, description = "`registration_closed`"),
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
    let wanted = Registration {
        email: &body.email,
        username: body.username.as_deref(),
        password: &password,
        profile: &body.profile,
    };
    services
        .accounts
        .register(wanted, &caller.origin(), caller.received_at)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: "accepted" })))
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Closed => Self::new(Code::RegistrationClosed),
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
