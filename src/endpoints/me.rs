//! `GET`, `PATCH`, `DELETE /auth/me`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::body::Body;
use super::mfa::Reauthentication;
use super::problem::Code;
use super::signed_in::SignedIn;
use super::{Caller, Problem, Services};
use crate::accounts::{Account, Change, ProfileError};
use crate::gate::denial::Denial;

/// The caller's account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Account, example = json!({
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "alice@example.com", "email_verified": true, "username": "alice",
    "roles": ["staff"], "permissions": [], "profile": {"name": "Alice"},
    "created_at": "2026-11-24T20:00:00Z", "last_login_at": null
}))]
pub(super) struct Me {
    id: Uuid,
    email: String,
    email_verified: bool,
    username: Option<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    profile: Map<String, Value>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_login_at: Option<OffsetDateTime>,
}

/// The changes. A field that is absent stays as it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AccountEdit)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// A new username; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[expect(
        clippy::option_option,
        reason = "absent, null, and a value are three things in a merge patch"
    )]
    username: Option<Option<String>>,
    /// Members to set, or to remove with `null`. Others stay as they are.
    #[serde(default)]
    profile: Option<Map<String, Value>>,
}

/// Show your account
#[utoipa::path(
    get,
    path = "/me",
    tag = "account",
    security(("bearer" = [])),
    responses((status = 200, description = "The account.", body = Me))
)]
pub(super) async fn show(
    State(services): State<Arc<Services>>,
    SignedIn(session): SignedIn,
) -> Result<Json<Me>, Problem> {
    // After the account was deleted, its token is accepted until the revocation has arrived.
    let account = services.accounts.account_cache.find(session.user_id).await?;
    Ok(Json(account.ok_or(Denial::Revoked)?.into()))
}

/// Change your username or profile
///
/// A JSON merge patch (RFC 7396): absent members stay as they are, also within the profile.
#[utoipa::path(
    patch,
    path = "/me",
    tag = "account",
    security(("bearer" = [])),
    request_body(content = Edit, example = json!({"username": "alice", "profile": {"name": "Alice", "nickname": null}})),
    responses(
        (status = 200, description = "The changed account.", body = Me),
        (status = 409, description = "`username_taken`"),
    )
)]
pub(super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Body(edit): Body<Edit>,
) -> Result<Json<Me>, Problem> {
    let change = Change {
        username: edit.username.as_ref().map(Option::as_deref),
        profile: edit.profile.as_ref(),
    };
    let changed = services
        .accounts
        .profiles
        .change(session.user_id, change, &caller.origin(), caller.received_at)
        .await;
    changed
        .map(|user| Json(Account::from(user).into()))
        .map_err(profile_problem)
}

/// Delete your account
///
/// Requires the current password and the strongest second factor of the account, and ends every session. An operator can restore the account.
#[utoipa::path(
    delete,
    path = "/me",
    tag = "account",
    security(("bearer" = [])),
    request_body(content = Reauthentication, example = json!({"password": "quarrel-lantern-71-osprey", "totp": "492039"})),
    responses(
        (status = 204, description = "Deleted."),
        (status = 403, description = "`bad_credentials`, `second_factor_required`, `mfa_code_invalid`"),
        (status = 429, description = "`rate_limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub(super) async fn delete(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Body(body): Body<Reauthentication>,
) -> Result<StatusCode, Problem> {
    let proof = body.proof()?;
    let deleted = services
        .accounts
        .profiles
        .delete(session, proof.as_proof(), &caller.origin(), caller.received_at)
        .await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(profile_problem)
}

pub(super) fn profile_problem(error: ProfileError) -> Problem {
    match error {
        ProfileError::NotFound => Denial::Revoked.into(),
        ProfileError::Reauthentication(error) => error.into(),
        ProfileError::Username(_) => Problem::field("username", "username_invalid", &error),
        ProfileError::UsernameTaken => username_taken(),
        ProfileError::TooLarge => Problem::field("profile", "profile_too_large", &error),
        ProfileError::ControlCharacter => Problem::field("profile", "control_character", &error),
        ProfileError::ReadOnly(ref name) => Problem::field(&format!("profile.{name}"), "read_only", &error),
        ProfileError::Failure(failure) => failure.into(),
    }
}

pub(super) const fn username_taken() -> Problem {
    Problem::new(Code::UsernameTaken)
}

/// Deserializes so that a field that is `null` differs from one that is absent.
#[expect(
    clippy::option_option,
    reason = "absent, null, and a value are three things in a merge patch"
)]
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<Account> for Me {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            email: account.email,
            email_verified: account.email_verified,
            username: account.username,
            roles: account.roles,
            permissions: account.permissions,
            profile: account.profile,
            created_at: account.created_at,
            last_login_at: account.last_login_at,
        }
    }
}
