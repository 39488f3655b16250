//! `GET, POST /auth/admin/users`, `GET, PATCH /auth/admin/users/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::super::body::Body;
use super::super::filter::{self, Filter};
use super::super::me::present;
use super::super::problem::Code;
use super::super::{Problem, Services};
use super::id::id;
use super::permitted::{Permitted, UsersRead, UsersWrite};
use crate::accounts::{Deleted, Edit, NewAccount, Page, User};
use crate::secret::Secret;

/// An account as an operator sees it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminUser, example = json!({
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "alice@example.com",
    "email_verified_at": "2026-11-24T20:00:00Z", "username": "alice", "roles": ["staff"], "permissions": [],
    "profile": {"name": "Alice"}, "locked_until": null, "failed_login_count": 0, "password_changed_at": null,
    "password_reset_required_at": null, "last_login_at": "2026-11-24T20:10:00Z", "created_at": "2026-11-24T20:00:00Z",
    "updated_at": "2026-11-24T20:10:00Z", "deleted_at": null
}))]
pub(super) struct Shown {
    id: Uuid,
    email: String,
    #[serde(with = "time::serde::rfc3339::option")]
    email_verified_at: Option<OffsetDateTime>,
    username: Option<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    #[schema(value_type = Object)]
    profile: Map<String, Value>,
    /// The account cannot sign in before this time; the year 9999 means until an operator unlocks it.
    #[serde(with = "time::serde::rfc3339::option")]
    locked_until: Option<OffsetDateTime>,
    failed_login_count: i32,
    #[serde(with = "time::serde::rfc3339::option")]
    password_changed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    password_reset_required_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    last_login_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    deleted_at: Option<OffsetDateTime>,
}

impl From<User> for Shown {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            email_verified_at: user.email_verified_at,
            username: user.username,
            roles: user.roles,
            permissions: user.permissions,
            profile: user.profile,
            locked_until: user.locked_until,
            failed_login_count: user.failed_login_count,
            password_changed_at: user.password_changed_at,
            password_reset_required_at: user.password_reset_required_at,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
            deleted_at: user.deleted_at,
        }
    }
}

/// A page of accounts.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminUsers, example = json!({"users": [{
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "alice@example.com",
    "email_verified_at": "2026-11-24T20:00:00Z", "username": "alice", "roles": ["staff"], "permissions": [],
    "profile": {"name": "Alice"}, "locked_until": null, "failed_login_count": 0, "password_changed_at": null,
    "password_reset_required_at": null, "last_login_at": "2026-11-24T20:10:00Z", "created_at": "2026-11-24T20:00:00Z",
    "updated_at": "2026-11-24T20:10:00Z", "deleted_at": null
}], "next_cursor": null}))]
pub(super) struct Users {
    users: Vec<Shown>,
    /// Pass this as `cursor` to get the next page; `null` on the last page.
    next_cursor: Option<String>,
}

/// Filters; an account has to match all of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The email address or the username starts with this text, ignoring case. The accounts are listed in the order of these names.
    #[param(value_type = String, min_length = 1, max_length = 256, required = false)]
    search: Option<String>,
    /// Whether to list deleted accounts.
    #[param(inline, value_type = DeletedValues, required = false)]
    deleted: Option<String>,
    /// `true`: only locked accounts; `false`: only accounts that are not locked.
    #[param(value_type = bool, required = false)]
    locked: Option<String>,
    /// The account has this role.
    #[param(value_type = String, min_length = 1, max_length = 256, required = false)]
    role: Option<String>,
    /// The size of the page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = String, min_length = 1, required = false)]
    cursor: Option<String>,
}

/// The values of `deleted`, for the OpenAPI document.
enum DeletedValues {}

impl PartialSchema for DeletedValues {
    fn schema() -> RefOr<Schema> {
        filter::words([Deleted::Exclude, Deleted::Include, Deleted::Only].map(deleted_word))
            .default(Some("exclude".into()))
            .into()
    }
}

impl ToSchema for DeletedValues {}

const fn deleted_word(deleted: Deleted) -> &'static str {
    match deleted {
        Deleted::Exclude => "exclude",
        Deleted::Include => "include",
        Deleted::Only => "only",
    }
}

/// An account to create.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AdminNewUser)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    email: String,
    #[serde(default)]
    username: Option<String>,
    /// The password. `auth.password` can require more than 8 characters, and bcrypt takes at most 72 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    /// Whether the email address counts as verified.
    #[serde(default)]
    email_verified: bool,
}

/// The changes. A field that is absent stays as it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AdminEdit)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// A new email address. It counts as unverified unless `email_verified` is `true`.
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<bool>,
    /// A new username; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(
        clippy::option_option,
        reason = "absent, null, and a value are three things in a merge patch"
    )]
    username: Option<Option<String>>,
    /// The complete new list.
    #[serde(default)]
    roles: Option<Vec<String>>,
    /// The complete new list.
    #[serde(default)]
    permissions: Option<Vec<String>>,
    /// Members to set, or to remove with `null`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    profile: Option<Map<String, Value>>,
}

/// List accounts in the order in which they were created
///
/// With `search`, in the order of the names that were found. Needs `sidegate:users:read`.
#[utoipa::path(
    get,
    path = "/users",
    tag = "admin",
    security(("bearer" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "A page of accounts.", body = Users),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersRead>,
    Filter(wanted): Filter<Wanted>,
) -> Result<Json<Users>, Problem> {
    let limit = filter::limit(wanted.limit.as_deref())?;
    let all = [Deleted::Exclude, Deleted::Include, Deleted::Only];
    let deleted = filter::word("deleted", wanted.deleted.as_deref(), &all, deleted_word)?;
    let truth = |word: &str| word.parse().ok();
    let page = Page {
        after: filter::cursor(wanted.cursor.as_deref(), filter::read_id_cursor)?,
        starts_with: filter::plain("search", wanted.search.as_deref())?,
        deleted: deleted.unwrap_or_default(),
        locked: filter::value("locked", wanted.locked.as_deref(), "true or false", truth)?,
        role: filter::plain("role", wanted.role.as_deref())?,
        limit: limit + 1,
    };
    let mut found = services.accounts.overview.users(page, permitted.now).await?;
    let next_cursor = filter::next(&mut found, limit, |user| filter::id_cursor(user.id));
    Ok(Json(Users {
        users: found.into_iter().map(Shown::from).collect(),
        next_cursor,
    }))
}

/// Create an account
///
/// Needs `sidegate:users:write`; with permissions that begin with `sidegate:`, `sidegate:admin`.
#[utoipa::path(
    post,
    path = "/users",
    tag = "admin",
    security(("bearer" = [])),
    request_body(content = New, example = json!({
        "email": "bob@example.com", "password": "quarrel-lantern-71-osprey", "roles": ["staff"], "email_verified": true
    })),
    responses(
        (status = 201, description = "The account.", body = Shown),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 409, description = "`email_taken`, `username_taken`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn create(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    let password = Secret::new(new.password);
    let wanted = NewAccount {
        email: &new.email,
        username: new.username.as_deref(),
        password: &password,
        roles: &new.roles,
        permissions: &new.permissions,
        email_verified: new.email_verified,
    };
    let made = services
        .accounts
        .operator
        .accounts
        .create(wanted, &permitted.by, permitted.now)
        .await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Show an account, also a deleted one
///
/// Needs `sidegate:users:read`.
#[utoipa::path(
    get,
    path = "/users/{id}",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "The account.", body = Shown),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`user_not_found`"),
    )
)]
pub(super) async fn show(
    State(services): State<Arc<Services>>,
    _: Permitted<UsersRead>,
    Path(user): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let user = services
        .accounts
        .overview
        .any_user(id(&user, Code::UserNotFound)?)
        .await?;
    user.map(|user| Json(user.into()))
        .ok_or_else(|| Problem::new(Code::UserNotFound))
}

/// Change an account
///
/// Either every change is made or none. Access tokens issued before become outdated. Needs `sidegate:users:write`; to add or
/// remove permissions that begin with `sidegate:`, or to change an account with such permissions that you lack, `sidegate:admin`.
#[utoipa::path(
    patch,
    path = "/users/{id}",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    request_body(content = Changes, example = json!({"roles": ["staff", "billing"]})),
    responses(
        (status = 200, description = "The changed account.", body = Shown),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`email_taken`, `username_taken`, `own_account`"),
    )
)]
pub(super) async fn edit(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(user): Path<String>,
    Body(changes): Body<Changes>,
) -> Result<Json<Shown>, Problem> {
    let edit = Edit {
        email: changes.email.as_deref(),
        email_verified: changes.email_verified,
        username: changes.username.as_ref().map(Option::as_deref),
        roles: changes.roles.as_deref(),
        permissions: changes.permissions.as_deref(),
        profile: changes.profile.as_ref(),
    };
    let user = id(&user, Code::UserNotFound)?;
    let user = services
        .accounts
        .operator
        .edits
        .edit(user, edit, &permitted.by, permitted.now)
        .await?;
    Ok(Json(user.into()))
}
