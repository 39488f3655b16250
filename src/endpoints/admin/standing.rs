//! `POST /auth/admin/users/{id}/lock`, `/unlock`, `/password-reset`, `/mfa/reset`, `/restore`, `DELETE /auth/admin/users/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use time::OffsetDateTime;

use super::super::body::Body;
use super::super::problem::Code;
use super::super::{Problem, Services};
use super::id::id;
use super::permitted::{Permitted, UsersWrite};
use super::users::Shown;
use crate::accounts::User;

/// For how long.
#[derive(Deserialize, Default, utoipa::ToSchema)]
#[schema(as = AdminLock)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Left out: until somebody unlocks it.
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

async fn find(services: &Services, text: &str) -> Result<User, Problem> {
    let user = services.accounts.directory.user(id(text, Code::UserNotFound)?).await?;
    user.ok_or_else(|| Problem::new(Code::UserNotFound))
}

/// Lock an account and end its sessions
///
/// Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/lock",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    request_body(content = Option<Lock>, example = json!({"until": "2027-01-01T00:00:00Z"})),
    responses(
        (status = 204, description = "Locked and signed out."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`own_account`"),
    )
)]
pub(super) async fn lock(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
    body: Option<Body<Lock>>,
) -> Result<StatusCode, Problem> {
    let Lock { until } = body.map(|Body(lock)| lock).unwrap_or_default();
    if until.is_some_and(|until| until <= permitted.now || until.year() > 9999) {
        return Err(Problem::field("until", "not_accepted", &"a lock ends in the future"));
    }
    let user = find(&services, &user).await?;
    services
        .accounts
        .standing
        .lock(&user, until, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Unlock an account, whoever or whatever locked it
///
/// Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/unlock",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "It may sign in."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
    )
)]
pub(super) async fn unlock(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = find(&services, &user).await?;
    services
        .accounts
        .standing
        .unlock(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Want a new password before the next sign-in, and end all sessions
///
/// Where letters are sent, the person is mailed a link that sets one. Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/password-reset",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "Signed out, and in want of a new password."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`own_account`"),
    )
)]
pub(super) async fn require_password_reset(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = find(&services, &user).await?;
    services
        .accounts
        .standing
        .require_password_reset(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove every second factor, for somebody who lost them all
///
/// They are written. Whoever is signed in stays so. Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/mfa/reset",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "It has no second factor any more, or had none."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`own_account`"),
    )
)]
pub(super) async fn reset_mfa(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = find(&services, &user).await?;
    services
        .accounts
        .factor_reset
        .reset(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete an account and end its sessions
///
/// It can be restored until its names are given away. Needs `sidegate:users:write`.
#[utoipa::path(
    delete,
    path = "/users/{id}",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`own_account`"),
    )
)]
pub(super) async fn delete(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = find(&services, &user).await?;
    services
        .accounts
        .standing
        .delete(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a deleted account back
///
/// Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/restore",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "The account.", body = Shown),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`not_deleted`, or its names were given away: `email_taken`, `username_taken`"),
    )
)]
pub(super) async fn restore(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let user = id(&user, Code::UserNotFound)?;
    let restored = services
        .accounts
        .standing
        .restore(user, &permitted.by, permitted.now)
        .await?;
    Ok(Json(restored.into()))
}
