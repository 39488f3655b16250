//! `/auth/mfa/totp` and `/auth/mfa/recovery-codes`: an authenticator app, and the recovery codes for when it is lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::body::Body;
use super::super::signed_in::SignedIn;
use super::super::{Caller, Problem, Services};
use super::Reauthentication;
use crate::secret::Secret;

/// The current code of the authenticator app.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TotpCode {
    code: String,
}

/// The TOTP secret in three forms. It is shown only in this response.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    "otpauth_uri": "otpauth://totp/gw.example.com:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=gw.example.com",
    "qr_svg": "<svg/>"
}))]
pub(in super::super) struct EnrolmentAnswer {
    /// The secret in base32, for typing.
    secret: String,
    /// The secret as an `otpauth:` URI, for a link.
    otpauth_uri: String,
    /// The same URI as a QR code.
    qr_svg: String,
}

/// Recovery codes for when the authenticator is lost. They are shown only in this response; each works once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"recovery_codes": ["0k3m-1xqa-p2dw-00zz"]}))]
pub(in super::super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Start adding an authenticator app
///
/// Requires the current password, and an emailed code if emailed codes are enabled. Sign-ins do not require the new factor until it is confirmed.
#[utoipa::path(
    post,
    path = "/mfa/totp",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey"})),
    responses(
        (status = 200, description = "The TOTP secret for the authenticator app.", body = EnrolmentAnswer),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 409, description = "`mfa_already_enabled`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn enrol(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<Json<EnrolmentAnswer>, Problem> {
    let proof = body.proof()?;
    let begun = services
        .accounts
        .mfa
        .authenticators
        .enrol(by, proof.as_proof(), &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(EnrolmentAnswer {
        secret: begun.secret.expose().to_owned(),
        otpauth_uri: begun.otpauth_uri.expose().to_owned(),
        qr_svg: begun.qr_svg.expose().to_owned(),
    }))
}

/// Confirm an authenticator app with one of its codes
///
/// The response has ten recovery codes, which are not shown again.
#[utoipa::path(
    post,
    path = "/mfa/totp/confirm",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = TotpCode, example = json!({"code": "492039"})),
    responses(
        (status = 200, description = "Sign-ins require it from now on.", body = RecoveryCodes),
        (status = 403, description = "`mfa_code_invalid`"),
        (status = 409, description = "`mfa_not_enabled`: start first; `mfa_already_enabled`"),
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
        .mfa
        .authenticators
        .confirm(by, &code, &caller.origin(), caller.received_at)
        .await?;
    Ok(Json(codes.into()))
}

/// Remove the authenticator app
///
/// Requires the current password, and a code of the app or a recovery code.
#[utoipa::path(
    delete,
    path = "/mfa/totp",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 204, description = "Removed."),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<StatusCode, Problem> {
    let proof = body.proof()?;
    services
        .accounts
        .mfa
        .authenticators
        .remove(by, proof.as_proof(), &caller.origin(), caller.received_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the recovery codes with ten new ones
///
/// Requires the current password and the strongest second factor of the account.
#[utoipa::path(
    post,
    path = "/mfa/recovery-codes",
    tag = "mfa",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 200, description = "The new recovery codes.", body = RecoveryCodes),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 409, description = "`mfa_not_enabled`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(in super::super) async fn renew_recovery_codes(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let proof = body.proof()?;
    let codes = services
        .accounts
        .mfa
        .authenticators
        .renew_recovery_codes(by, proof.as_proof(), &caller.origin(), caller.received_at)
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
