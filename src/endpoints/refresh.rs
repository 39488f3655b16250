//! `POST /auth/refresh`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use super::body::Body;
use super::{Caller, Problem, Services};
use crate::accounts::{Pair, RefreshError};
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    refresh_token: String,
}

pub(super) async fn refresh(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Body(body): Body<Refresh>,
) -> Result<Json<Pair>, Problem> {
    let presented = Secret::new(body.refresh_token);
    Ok(Json(
        services
            .accounts
            .refresh(&presented, &caller.origin(), caller.received_at)
            .await?,
    ))
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        let (code, title) = match error {
            RefreshError::Unknown => ("refresh_unknown", "This is no refresh token; sign in again."),
            RefreshError::Expired => ("refresh_expired", "The session has expired; sign in again."),
            RefreshError::Revoked => ("refresh_revoked", "The session has ended; sign in again."),
            RefreshError::Reused => (
                "refresh_reused",
                "This refresh token was used before; the session has been ended. Sign in again.",
            ),
            RefreshError::Failure(failure) => return failure.into(),
        };
        Self::new(StatusCode::UNAUTHORIZED, code, title)
    }
}
