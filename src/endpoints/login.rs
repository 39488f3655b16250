//! `POST /auth/login`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::body::Body;
use super::problem::Code;
use super::{Caller, Problem, Services};
use crate::accounts::{Attempt, LoginError, Pair};
use crate::secret::Secret;

/// A device's name is for its owner's eyes, in a list.
const DEVICE_NAME_MAX: usize = 100;

/// Who signs in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// One of the two says who; what a person typed may be in either.
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    username: Option<String>,
    password: String,
    #[serde(default)]
    device_name: Option<String>,
}

/// Sign in
///
/// With an address or a username, and a password.
#[utoipa::path(
    post,
    path = "/login",
    tag = "sessions",
    request_body(content = SignIn, example = json!({"email": "alice@example.com", "password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 200, description = "Signed in.", body = Pair),
        (status = 401, description = "`bad_credentials`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn login(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<SignIn>,
) -> Result<Json<Pair>, Problem> {
    let device_name = body
        .device_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if device_name.is_some_and(|name| name.chars().count() > DEVICE_NAME_MAX || name.chars().any(char::is_control)) {
        let message =
            format!("a device name has at most {DEVICE_NAME_MAX} characters, none of them a control character");
        return Err(Problem::field("device_name", "device_name_invalid", &message));
    }
    let ((Some(login), None) | (None, Some(login))) = (&body.email, &body.username) else {
        return Err(Problem::field(
            "email",
            "missing",
            &"either an email or a username is required",
        ));
    };
    let password = Secret::new(body.password);
    let attempt = Attempt {
        login,
        password: &password,
        device_name,
    };
    let pair = services
        .accounts
        .login(attempt, &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(pair))
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::BadCredentials => Self::new(Code::BadCredentials),
            LoginError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            LoginError::Failure(failure) => failure.into(),
        }
    }
}
