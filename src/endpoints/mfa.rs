//! `/auth/login/mfa` and `/auth/mfa`: the second factor at sign-in, and its keeping.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::accepted::{Accepted, accepted};
use super::body::Body;
use super::login::{LoginAnswer, signed_in};
use super::problem::Code;
use super::signed_in::SignedIn;
use super::{Caller, Problem, Services};
use crate::accounts::{Factor, Method, MfaError};
use crate::gate::denial::Denial;
use crate::secret::Secret;

/// The second step of a sign-in: exactly one of the three factors.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondStep {
    /// From the answer of `/login`.
    mfa_token: String,
    /// What the authenticator shows.
    #[serde(default)]
    totp: Option<String>,
    /// One of the ten; it is used up.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code that was mailed.
    #[serde(default)]
    email_code: Option<String>,
}

/// An `mfa_token` alone.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MfaTokenOnly {
    /// From the answer of `/login`.
    mfa_token: String,
}

/// A second factor: exactly one of the three.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondFactor {
    /// What the authenticator shows.
    #[serde(default)]
    totp: Option<String>,
    /// One of the ten; it is used up.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code that was mailed.
    #[serde(default)]
    email_code: Option<String>,
}

/// The password and exactly one of the three factors.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordAndFactor {
    password: String,
    /// What the authenticator shows.
    #[serde(default)]
    totp: Option<String>,
    /// One of the ten; it is used up.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code that was mailed.
    #[serde(default)]
    email_code: Option<String>,
}

/// The password, once more.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordAgain {
    password: String,
}

/// What the authenticator shows.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpCode {
    code: String,
}

/// What an authenticator has to know. It is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    "otpauth_uri": "otpauth://totp/gw.example.com:alice@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=gw.example.com&algorithm=SHA1&digits=6&period=30",
    "qr_svg": "<svg/>"
}))]
pub(super) struct EnrolmentAnswer {
    /// In base32, to be typed.
    secret: String,
    /// The same for a link.
    otpauth_uri: String,
    /// The same as a picture.
    qr_svg: String,
}

/// Codes for the day on which the authenticator is lost. They are shown this once; each works once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"recovery_codes": ["0k3m-1xqa-p2dw-00zz"]}))]
pub(super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Which second factors the account has.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "enabled": true, "methods": ["totp", "recovery_code"], "totp_confirmed_at": "2026-11-24T20:00:00Z",
    "totp_last_used_at": "2026-11-24T20:10:00Z", "email_enabled_at": null, "recovery_codes_left": 10
}))]
pub(super) struct MfaAnswer {
    /// Whether a sign-in is asked for more than the password.
    enabled: bool,
    /// What it may be answered with.
    methods: Vec<Method>,
    #[serde(with = "time::serde::rfc3339::option")]
    totp_confirmed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    totp_last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    email_enabled_at: Option<OffsetDateTime>,
    /// How many recovery codes are left.
    recovery_codes_left: i64,
}

/// A better access token of the same session. The refresh token stays, and what it is exchanged for is as good.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type": "Bearer", "expires_in": 600
}))]
pub(super) struct RaisedAnswer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// The access token's life in seconds.
    expires_in: u64,
}

/// Complete a sign-in with a second factor
///
/// A token may be tried five times. Wrong codes count like wrong passwords: they lock the account for a while.
#[utoipa::path(
    post,
    path = "/login/mfa",
    tag = "sessions",
    request_body(content = SecondStep, example = json!({"mfa_token": "sgm_AfSU8mJbQ0", "totp": "492039"})),
    responses(
        (status = 200, description = "Signed in.", body = LoginAnswer,
            headers(("set-cookie" = String, description = "`sidegate_device`: the device token"))),
        (status = 401, description = "`mfa_code_wrong`; `mfa_token_invalid`: sign in again"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn login(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<SecondStep>,
) -> Result<Response, Problem> {
    let mfa_token = Secret::new(body.mfa_token);
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let done = services
        .accounts
        .login_second_step(&mfa_token, typed.factor(), &caller.origin(), caller.received_at)
        .await
        .map_err(at_login)?;
    Ok(signed_in(done, &services, &caller))
}

/// Have a code mailed that completes a sign-in
///
/// If the account turned that on.
#[utoipa::path(
    post,
    path = "/login/mfa/email",
    tag = "sessions",
    request_body(content = MfaTokenOnly, example = json!({"mfa_token": "sgm_AfSU8mJbQ0"})),
    responses(
        (status = 202, description = "The letter is on its way.", body = Accepted),
        (status = 401, description = "`mfa_token_invalid`: sign in again"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn mail_login_code(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<MfaTokenOnly>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let mfa_token = Secret::new(body.mfa_token);
    services
        .accounts
        .mail_login_code(&mfa_token, &caller.origin(), caller.received_at)
        .await
        .map_err(at_login)?;
    Ok(accepted())
}

/// Show which second factors the account has
#[utoipa::path(
    get,
    path = "/mfa",
    tag = "mfa",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What there is.", body = MfaAnswer),
    )
)]
pub(super) async fn status(
    State(services): State<Arc<Services>>,
    SignedIn(by): SignedIn,
) -> Result<Json<MfaAnswer>, Problem> {
    let status = services.accounts.mfa_status(by.user_id).await?;
    Ok(Json(MfaAnswer {
        enabled: status.is_enabled(),
        methods: status.methods(),
        totp_confirmed_at: status.totp_confirmed_at,
        totp_last_used_at: status.totp_last_used_at,
        email_enabled_at: status.email_enabled_at,
        recovery_codes_left: status.recovery_codes_left,
    }))
}

/// Begin an authenticator
///
/// It asks for nothing until it is confirmed.
#[utoipa::path(
    post,
    path = "/mfa/totp",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = PasswordAgain, example = json!({"password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 200, description = "What the authenticator has to know.", body = EnrolmentAnswer),
        (status = 403, description = "`bad_credentials`"),
        (status = 409, description = "`mfa_already_enabled`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn enrol(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<Json<EnrolmentAnswer>, Problem> {
    let password = Secret::new(body.password);
    let begun = services
        .accounts
        .enrol_totp(by, &password, &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(EnrolmentAnswer {
        secret: begun.secret.expose().to_owned(),
        otpauth_uri: begun.otpauth_uri.expose().to_owned(),
        qr_svg: begun.qr_svg.expose().to_owned(),
    }))
}

/// Confirm an authenticator by one of its codes
///
/// The answer has ten recovery codes; they are shown this once.
#[utoipa::path(
    post,
    path = "/mfa/totp/confirm",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = TotpCode, example = json!({"code": "492039"})),
    responses(
        (status = 200, description = "From now on sign-ins are asked for it.", body = RecoveryCodes),
        (status = 403, description = "`mfa_code_wrong`"),
        (status = 409, description = "`mfa_not_enabled`: begin first; `mfa_already_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn confirm(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<TotpCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let code = Secret::new(body.code);
    let codes = services
        .accounts
        .confirm_totp(by, &code, &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(codes.into()))
}

/// Remove the authenticator
///
/// The password and a second factor are asked for.
#[utoipa::path(
    delete,
    path = "/mfa/totp",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = PasswordAndFactor, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 204, description = "Removed."),
        (status = 403, description = "`bad_credentials`, `mfa_code_wrong`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAndFactor>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    services
        .accounts
        .remove_totp(by, &password, typed.factor(), &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make ten new recovery codes in the place of the old
///
/// A second factor is asked for.
#[utoipa::path(
    post,
    path = "/mfa/recovery-codes",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = SecondFactor, example = json!({"totp": "492039"})),
    responses(
        (status = 200, description = "The new ones.", body = RecoveryCodes),
        (status = 403, description = "`mfa_code_wrong`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn renew_recovery_codes(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<SecondFactor>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let codes = services
        .accounts
        .renew_recovery_codes(by, typed.factor(), &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(codes.into()))
}

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
pub(super) async fn mail_code(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    services
        .accounts
        .mail_mfa_code(by, &caller.origin(), caller.received_at)
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
pub(super) async fn enable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    services
        .accounts
        .set_mfa_email(by, &password, true, &caller.origin(), caller.received_at)
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
pub(super) async fn disable_email(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    services
        .accounts
        .set_mfa_email(by, &password, false, &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Prove a second factor now
///
/// Because a route answered `step_up_required`.
#[utoipa::path(
    post,
    path = "/mfa/verify",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = SecondFactor, example = json!({"totp": "492039"})),
    responses(
        (status = 200, description = "A token with the proof, and a session that keeps it.", body = RaisedAnswer),
        (status = 403, description = "`mfa_code_wrong`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
    )
)]
pub(super) async fn verify(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<SecondFactor>,
) -> Result<Json<RaisedAnswer>, Problem> {
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let raised = services
        .accounts
        .verify_mfa(by, typed.factor(), &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(RaisedAnswer {
        access_token: raised.access.token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: raised.access.expires_in,
    }))
}

/// The one factor of a body.
struct Typed {
    method: Method,
    text: Secret,
}

impl Typed {
    fn read(totp: Option<String>, recovery_code: Option<String>, email_code: Option<String>) -> Result<Self, Problem> {
        let given = [
            (Method::Totp, totp),
            (Method::RecoveryCode, recovery_code),
            (Method::EmailCode, email_code),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(method, text)| text.map(|text| (method, Secret::new(text))));
        match (given.next(), given.next()) {
            (Some((method, text)), None) => Ok(Self { method, text }),
            (None, _) => Err(Problem::field(
                "totp",
                "missing",
                &"one of totp, recovery_code and email_code is required",
            )),
            (Some(_), Some((second, _))) => Err(Problem::field(
                second.word(),
                "not_accepted",
                &"only one of totp, recovery_code and email_code may be there",
            )),
        }
    }

    const fn factor(&self) -> Factor<'_> {
        match self.method {
            Method::Totp => Factor::Totp(&self.text),
            Method::RecoveryCode => Factor::RecoveryCode(&self.text),
            Method::EmailCode => Factor::EmailCode(&self.text),
        }
    }
}

impl From<Vec<Secret>> for RecoveryCodes {
    fn from(codes: Vec<Secret>) -> Self {
        Self {
            recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect(),
        }
    }
}

/// At login a wrong code is 401, like a wrong password; of somebody signed in it is 403, since their token is good.
fn at_login(error: MfaError) -> Problem {
    match error {
        MfaError::WrongCode => Problem::new(Code::MfaCodeWrong),
        other => other.into(),
    }
}

impl From<MfaError> for Problem {
    fn from(error: MfaError) -> Self {
        Self::new(match error {
            MfaError::TokenInvalid => Code::MfaTokenInvalid,
            MfaError::WrongCode => Code::MfaCodeRefused,
            MfaError::WrongPassword => Code::PasswordWrong,
            // A token outlives its account and its session by the moment that a revocation takes.
            MfaError::NotFound | MfaError::SessionEnded => return Denial::Revoked.into(),
            MfaError::NotEnabled => Code::MfaNotEnabled,
            MfaError::AlreadyEnabled => Code::MfaAlreadyEnabled,
            MfaError::EmailUnverified => Code::EmailUnverified,
            MfaError::NoMail => Code::MailNotConfigured,
            MfaError::RateLimited { retry_after } => return Self::rate_limited(retry_after),
            MfaError::Failure(failure) => return failure.into(),
        })
    }
}
