//! `/auth/mfa/totp` and `/auth/mfa/recovery-codes`: an authenticator, and the codes for the day on which it is lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::body::Body;
use super::super::signed_in::SignedIn;
use super::super::{Caller, Problem, Services};
use super::{PasswordAgain, SecondFactor, Typed};
use crate::secret::Secret;

/// What the authenticator shows.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TotpCode {
    code: String,
}

/// What an authenticator has to know. It is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    "otpauth_uri": "otpauth://totp/gw.example.com:alice@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=gw.example.com&algorithm=SHA1&digits=6&period=30",
    "qr_svg": "<svg/>"
}))]
pub(in super::super) struct EnrolmentAnswer {
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
pub(in super::super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// The password and exactly one of the three factors.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasswordAndFactor {
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
pub(in super::super) async fn enrol(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAgain>,
) -> Result<Json<EnrolmentAnswer>, Problem> {
    let password = Secret::new(body.password);
    let begun = services
        .accounts
        .authenticators
        .enrol(by, &password, &caller.origin(), caller.received_at)
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
pub(in super::super) async fn confirm(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<TotpCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let code = Secret::new(body.code);
    let codes = services
        .accounts
        .authenticators
        .confirm(by, &code, &caller.origin(), caller.received_at)
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
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<PasswordAndFactor>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    services
        .accounts
        .authenticators
        .remove(by, &password, typed.factor(), &caller.origin(), caller.received_at)
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
pub(in super::super) async fn renew_recovery_codes(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<SecondFactor>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let typed = Typed::read(body.totp, body.recovery_code, body.email_code)?;
    let codes = services
        .accounts
        .authenticators
        .renew_recovery_codes(by, typed.factor(), &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(codes.into()))
}

impl From<Vec<Secret>> for RecoveryCodes {
    fn from(codes: Vec<Secret>) -> Self {
        Self {
            recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect(),
        }
    }
}
