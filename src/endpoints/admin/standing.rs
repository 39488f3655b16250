//! `POST /auth/admin/users/{id}/lock`, `/unlock`, `/password-reset`, `/mfa/reset`, `/restore`, `DELETE
//! /auth/admin/users/{id}`

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

/// How long the lock lasts.
#[derive(Deserialize, Default, utoipa::ToSchema)]
#[schema(as = AdminLock)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// The end of the lock. Without it: until an operator unlocks the account.
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
        (status = 204, description = "The account is locked, and its sessions are ended."),
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
        return Err(Problem::field(
            "until",
            "not_accepted",
            &"expected a time in the future",
        ));
    }
    let user = find(&services, &user).await?;
    services
        .accounts
        .operator
        .standing
        .lock(&user, until, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Unlock an account that an operator or too many wrong passwords locked
///
/// Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/unlock",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "The account is unlocked."),
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
        .operator
        .standing
        .unlock(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Require a password change at the next sign-in, and end all sessions
///
/// The user gets an email with a link to set one, if `auth.mail` is configured. Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/password-reset",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "The sessions are ended, and the next sign-in requires a new password."),
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
        .operator
        .standing
        .require_password_reset(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove every second factor of an account
///
/// For a user who lost them all. The user is notified by email; sessions go on. Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/users/{id}/mfa/reset",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id.")),
    responses(
        (status = 204, description = "The account has no second factor now."),
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
        .mfa
        .reset
        .reset(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete an account and end its sessions
///
/// It can be restored while nobody else uses its email address or username. Needs `sidegate:users:write`.
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
        .operator
        .standing
        .delete(&user, &permitted.by, permitted.now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restore a deleted account
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
        (status = 409, description = "`not_deleted`, or another account uses its email address or username: `email_taken`, `username_taken`"),
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
        .operator
        .standing
        .restore(user, &permitted.by, permitted.now)
        .await?;
    Ok(Json(restored.into()))
}
