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
        Self::new(match error {
            RefreshError::Unknown => Code::RefreshUnknown,
            RefreshError::Expired => Code::RefreshExpired,
            RefreshError::Revoked => Code::RefreshRevoked,
            RefreshError::Reused => Code::RefreshReused,
            RefreshError::Failure(failure) => return failure.into(),
        })
    }
}
