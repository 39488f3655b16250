//! `GET /auth/admin/stats`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::super::{Problem, Services};
use super::permitted::{Permitted, StatsRead};

/// Numbers of accounts, sessions and logins.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "users": 1200, "locked_users": 3, "deleted_users": 41, "open_sessions": 1733, "logins_24h": 310, "online": 87
}))]
pub(super) struct Stats {
    /// Accounts that are not deleted.
    users: i64,
    /// Locked accounts among them; 5001 means more than 5,000.
    locked_users: i64,
    /// Deleted accounts that can be restored.
    deleted_users: i64,
    /// Active sessions. A session that is not refreshed ends within an hour after its expiry.
    open_sessions: i64,
    /// Logins within the last 24 hours; 10000 means that many or more.
    logins_24h: i64,
    /// Users who are online; `null` while Redis is unreachable, which alone stores presence.
    online: Option<u64>,
}

/// Count accounts, sessions and logins
///
/// Numbers are exact up to 5,000; above that they are PostgreSQL's estimates from the last vacuum or analyze of the table. Needs `sidegate:stats:read`.
#[utoipa::path(
    get,
    path = "/stats",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The numbers.", body = Stats),
        (status = 403, description = "`permission_denied`"),
    )
)]
pub(super) async fn show(
    State(services): State<Arc<Services>>,
    permitted: Permitted<StatsRead>,
) -> Result<Json<Stats>, Problem> {
    let stats = services.accounts.overview.stats(permitted.now).await?;
    Ok(Json(Stats {
        users: stats.users.existing,
        locked_users: stats.users.locked,
        deleted_users: stats.users.deleted,
        open_sessions: stats.open_sessions,
        logins_24h: stats.logins_24h,
        online: stats.online,
    }))
}
