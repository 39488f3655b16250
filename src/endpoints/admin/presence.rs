//! `GET /auth/admin/presence`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::filter::{self, Filter};
use super::super::{Problem, Services};
use super::permitted::{Permitted, PresenceRead};
use crate::accounts::{self, ONLINE_WITHIN};

/// The users who are online.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"within_seconds": 300, "online": 1, "users": [{
    "user_id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "alice@example.com", "username": "alice",
    "last_seen_at": "2026-11-24T20:10:00Z"
}]}))]
pub(super) struct Presence {
    /// A user counts as online for this many seconds after their last request.
    within_seconds: u64,
    /// The number of users who are online.
    online: u64,
    /// The users, most recently seen first.
    users: Vec<Online>,
}

/// A user who is online.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OnlineUser)]
struct Online {
    user_id: Uuid,
    email: Option<String>,
    username: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
}

impl From<accounts::Online> for Online {
    fn from(online: accounts::Online) -> Self {
        let (email, username) = online.account.map(|account| (account.email, account.username)).unzip();
        Self {
            user_id: online.user_id,
            email,
            username: username.flatten(),
            last_seen_at: online.last_seen_at,
        }
    }
}

/// How many users to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The largest number of users to list.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
}

/// List the users who are online
///
/// A user is online for some minutes after their last request to the application or to this API. Needs
/// `sidegate:presence:read`.
#[utoipa::path(
    get,
    path = "/presence",
    tag = "admin",
    security(("bearer" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "The users who are online.", body = Presence),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    permitted: Permitted<PresenceRead>,
    Filter(wanted): Filter<Wanted>,
) -> Result<Json<Presence>, Problem> {
    let limit = filter::limit(wanted.limit.as_deref())?;
    let found = services.accounts.overview.presence(limit, permitted.now).await?;
    Ok(Json(Presence {
        within_seconds: ONLINE_WITHIN.as_secs(),
        online: found.online,
        users: found.users.into_iter().map(Online::from).collect(),
    }))
}
