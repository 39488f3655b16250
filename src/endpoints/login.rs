//! `POST /auth/login`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::problem::Code;
use super::{Caller, Problem, Services, device_cookie};
use crate::accounts::{Attempt, Challenge, Login, LoginError, Method, Pair, SignedIn};
use crate::secret::Secret;
use crate::visible::is_misleading;

/// The longest device name, in characters. It is shown to its owner in the list of sessions.
const DEVICE_NAME_MAX: usize = 100;

/// A sign-in: email address or username, and password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// Exactly one of `email` and `username`; either accepts both.
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    username: Option<String>,
    password: String,
    /// A name for the device, for the list of sessions.
    #[serde(default)]
    device_name: Option<String>,
    /// The `device_token` of the last sign-in on this device. Browsers send it as a cookie.
    #[serde(default)]
    device_token: Option<String>,
}

/// The response to a correct password: tokens, or the request for a second factor.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(examples(
    json!({"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600,
    "refresh_token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s", "refresh_expires_in": 2_592_000,
    "session_id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11", "device_token": "sgd_AZgPDnpccACAAF8rfB2eOg"}),
    json!({"mfa_required": true, "mfa_token": "sgm_AfSU8mJbQ0", "methods": ["totp", "recovery_code"], "expires_in": 300})
))]
pub(super) enum LoginAnswer {
    /// Signed in: the tokens of a new session.
    SignedIn(SignedInAnswer),
    /// The account requires a second factor.
    SecondFactor(SecondFactorRequired),
}

/// A new session.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600,
    "refresh_token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s", "refresh_expires_in": 2_592_000,
    "session_id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11", "device_token": "sgd_AZgPDnpccACAAF8rfB2eOg"}))]
pub(super) struct SignedInAnswer {
    #[serde(flatten)]
    pair: Pair,
    /// Send it with the next sign-in on this device: a known device is not locked out by the wrong passwords of others.
    device_token: String,
}

/// A second factor is required; send it to `/login/mfa`.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SecondFactorRequired {
    /// Always `true`.
    mfa_required: bool,
    /// Send it with the second factor; it has no other use.
    mfa_token: String,
    /// The second factors that are accepted.
    methods: Vec<Method>,
    /// The lifetime of `mfa_token` in seconds.
    expires_in: u64,
}

/// Sign in
///
/// With an email address or a username, and a password. For an account with a second factor the response has `mfa_required` and
/// an `mfa_token` instead of tokens.
#[utoipa::path(
    post,
    path = "/login",
    tag = "sessions",
    request_body(content = SignIn, example = json!({"email": "alice@example.com", "password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 200, description = "Signed in, or a second factor is required.", body = LoginAnswer,
            headers(("set-cookie" = Option<String>, description = "`sidegate_device`: the device token, once signed in"))),
        (status = 401, description = "`bad_credentials`"),
        (status = 403, description = "The password is right: `email_unverified`, `password_reset_required`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn login(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<SignIn>,
) -> Result<Response, Problem> {
    let device_name = body
        .device_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if device_name.is_some_and(|name| name.chars().count() > DEVICE_NAME_MAX || name.chars().any(is_misleading)) {
        let message = format!("expected at most {DEVICE_NAME_MAX} characters without control and invisible characters");
        return Err(Problem::field("device_name", "device_name_invalid", &message));
    }
    let ((Some(login), None) | (None, Some(login))) = (&body.email, &body.username) else {
        return Err(Problem::field("email", "missing", &"expected either email or username"));
    };
    let password = Secret::new(body.password);
    let device_token = body
        .device_token
        .map(Secret::new)
        .or_else(|| device_cookie::read(&headers));
    let attempt = Attempt {
        login,
        password: &password,
        device_name,
        device_token: device_token.as_ref(),
    };
    let led_to = services
        .accounts
        .login
        .login(attempt, &caller.origin(), caller.received_at)
        .await?;
    Ok(match led_to {
        Login::SignedIn(signed_in) => self::signed_in(signed_in, &services, &caller),
        Login::SecondFactor(challenge) => Json(LoginAnswer::SecondFactor(challenge.into())).into_response(),
    })
}

/// The response with tokens, after one step or two.
pub(super) fn signed_in(signed_in: SignedIn, services: &Services, caller: &Caller) -> Response {
    let cookie = device_cookie::field(&signed_in.device_token, services, caller);
    let answer = SignedInAnswer {
        pair: signed_in.pair,
        device_token: signed_in.device_token.expose().to_owned(),
    };
    (cookie, Json(LoginAnswer::SignedIn(answer))).into_response()
}

impl From<Challenge> for SecondFactorRequired {
    fn from(challenge: Challenge) -> Self {
        Self {
            mfa_required: true,
            mfa_token: challenge.mfa_token.expose().to_owned(),
            methods: challenge.methods,
            expires_in: challenge.expires_in.as_secs(),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::BadCredentials => Self::new(Code::BadCredentials),
            LoginError::EmailUnverified => Self::new(Code::EmailUnverified),
            LoginError::PasswordResetRequired => Self::new(Code::PasswordResetRequired),
            LoginError::RateLimited { retry_after } => Self::rate_limited(retry_after),
            LoginError::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_answer_is_described_as_one_of_two() {
        let described = serde_json::to_value(LoginAnswer::schema()).unwrap();
        assert_eq!(described["oneOf"].as_array().map(Vec::len), Some(2), "{described}");
    }
}
