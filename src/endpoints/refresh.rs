//! `POST /auth/refresh`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::body::Body;
use super::problem::Code;
use super::{Caller, Problem, Services};
use crate::accounts::{Pair, RefreshError};
use crate::secret::Secret;

/// The refresh token of the session.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = RefreshRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    refresh_token: String,
}

/// Exchange a refresh token for a new access and refresh token
///
/// The old refresh token is used up. Within the grace period (`reuse_grace`) a retry gets the same response; later, using it again
/// ends the session.
#[utoipa::path(
    post,
    path = "/refresh",
    tag = "sessions",
    request_body(content = Refresh, example = json!({"refresh_token": "sgr_mmRvZbKMVYXtcXZT2kAQUCJPNUuRuYv3fyDZ1Wn3m1s"})),
    responses(
        (status = 200, description = "A new access token and a new refresh token.", body = Pair),
        (status = 401, description = "`refresh_unknown`, `refresh_expired`, `refresh_revoked`, `refresh_reused`"),
    )
)]
pub(super) async fn refresh(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Refresh>,
) -> Result<Json<Pair>, Problem> {
    let presented = Secret::new(body.refresh_token);
    Ok(Json(
        services
            .accounts
            .refresher
            .refresh(&presented, &caller.origin(), caller.received_at)
            .await?,
    ))
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        Self::new(match error {
            RefreshError::Unknown => Code::RefreshUnknown,
            RefreshError::Expired => Code::RefreshExpired,
            RefreshError::Revoked => Code::RefreshRevoked,
            RefreshError::Reused => Code::RefreshReused,
            RefreshError::Failure(failure) => return failure.into(),
        })
    }
}
