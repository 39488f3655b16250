//! `GET /auth/mfa`: the second factors of the caller's account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use time::OffsetDateTime;

use super::super::signed_in::SignedIn;
use super::super::{Problem, Services};
use crate::accounts::Method;

/// The second factors of the account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "enabled": true, "methods": ["totp", "recovery_code"], "totp_confirmed_at": "2026-11-24T20:00:00Z",
    "totp_last_used_at": "2026-11-24T20:10:00Z", "email_enabled_at": null, "recovery_codes_left": 10
}))]
pub(in super::super) struct MfaAnswer {
    /// Whether a sign-in requires a second factor.
    enabled: bool,
    /// The second factors that a sign-in accepts.
    methods: Vec<Method>,
    #[serde(with = "time::serde::rfc3339::option")]
    totp_confirmed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    totp_last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    email_enabled_at: Option<OffsetDateTime>,
    /// The number of unused recovery codes.
    recovery_codes_left: i64,
}

/// Show the second factors of your account
#[utoipa::path(
    get,
    path = "/mfa",
    tag = "mfa",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The second factors.", body = MfaAnswer),
    )
)]
pub(in super::super) async fn status(
    State(services): State<Arc<Services>>,
    SignedIn(by): SignedIn,
) -> Result<Json<MfaAnswer>, Problem> {
    let status = services.accounts.factors.status_of(by.user_id).await?;
    Ok(Json(MfaAnswer {
        enabled: status.is_enabled(),
        methods: status.methods(),
        totp_confirmed_at: status.totp_confirmed_at,
        totp_last_used_at: status.totp_last_used_at,
        email_enabled_at: status.email_enabled_at,
        recovery_codes_left: status.recovery_codes_left,
    }))
}
