//! `GET, DELETE /auth/admin/users/{id}/sessions`, `DELETE /auth/admin/users/{id}/sessions/{session_id}`,
//! `DELETE /auth/admin/sessions`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::problem::Code;
use super::super::{Problem, Services};
use super::id::id;
use super::permitted::{Admin, Permitted, SessionsRead, SessionsWrite};
use crate::accounts::{Session, User};

/// The active sessions of an account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminSessions, example = json!({"sessions": [{
    "id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11", "device_name": "phone", "user_agent": "curl/8.5.0",
    "client_ip": "192.0.2.7", "amr": ["pwd"], "created_at": "2026-11-24T20:00:00Z",
    "last_seen_at": "2026-11-24T20:10:00Z", "expires_at": "2026-12-24T20:10:00Z"
}]}))]
pub(super) struct Sessions {
    sessions: Vec<Shown>,
}

/// An active session: one sign-in on one device.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminSession)]
struct Shown {
    id: Uuid,
    device_name: Option<String>,
    user_agent: Option<String>,
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
    /// The authentication methods used (RFC 8176).
    amr: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<Session> for Shown {
    fn from(session: Session) -> Self {
        Self {
            id: session.session_id,
            device_name: session.device_name,
            user_agent: session.user_agent,
            client_ip: session.address,
            amr: session.amr,
            created_at: session.started_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        }
    }
}

/// The number of sessions that were ended.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminSessionsEnded, example = json!({"ended": 2}))]
pub(super) struct Ended {
    ended: usize,
}

/// What was ended of the sessions of all accounts.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminSessionsEndedForAll, example = json!({"accounts": 812, "sessions": 1204, "complete": true}))]
pub(super) struct EndedForAll {
    /// The number of accounts whose sessions were ended.
    accounts: usize,
    /// The number of sessions that were ended.
    sessions: usize,
    /// Whether these were all. If not, repeat the request.
    complete: bool,
}

async fn find(services: &Services, text: &str) -> Result<User, Problem> {
    let user = services.accounts.directory.user(id(text, Code::UserNotFound)?).await?;
    user.ok_or_else(|| Problem::new(Code::UserNotFound))
}

/// List the active sessions of an account, most recently seen first
///
/// Needs `sidegate:sessions:read`.
#[utoipa::path(
    get,
    path = "/users/{id}/sessions",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "Its sessions.", body = Sessions),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`user_not_found`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    permitted: Permitted<SessionsRead>,
    Path(user): Path<String>,
) -> Result<Json<Sessions>, Problem> {
    let user = find(&services, &user).await?;
    let open = services.accounts.sessions.list(user.id, permitted.now).await?;
    Ok(Json(Sessions {
        sessions: open.into_iter().map(Shown::from).collect(),
    }))
}

/// End all sessions of an account
///
/// Needs `sidegate:sessions:write`.
#[utoipa::path(
    delete,
    path = "/users/{id}/sessions",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "All sessions are ended.", body = Ended),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`"),
    )
)]
pub(super) async fn end_all(
    State(services): State<Arc<Services>>,
    permitted: Permitted<SessionsWrite>,
    Path(user): Path<String>,
) -> Result<Json<Ended>, Problem> {
    let user = find(&services, &user).await?;
    let ended = services
        .accounts
        .operator
        .sessions
        .revoke_all(&user, &permitted.by, permitted.now)
        .await?;
    Ok(Json(Ended { ended }))
}

/// End one session of an account
///
/// Needs `sidegate:sessions:write`.
#[utoipa::path(
    delete,
    path = "/users/{id}/sessions/{session_id}",
    tag = "admin",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The account's id."),
        ("session_id" = Uuid, Path, description = "The session's id."),
    ),
    responses(
        (status = 204, description = "Ended."),
        (status = 403, description = "`permission_denied`, `admin_required`"),
        (status = 404, description = "`user_not_found`, `session_not_found`"),
    )
)]
pub(super) async fn end(
    State(services): State<Arc<Services>>,
    permitted: Permitted<SessionsWrite>,
    Path((user, session)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let user = find(&services, &user).await?;
    let session = id(&session, Code::SessionNotFound)?;
    let ended = services
        .accounts
        .operator
        .sessions
        .revoke_one(session, Some(user.id), &permitted.by, permitted.now)
        .await?;
    if ended {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::SessionNotFound))
    }
}

/// End the sessions of all accounts except your own
///
/// Everybody has to sign in again, and all access tokens of the accounts are revoked. One request ends the sessions of up to 10,000
/// accounts. Needs `sidegate:admin`.
#[utoipa::path(
    delete,
    path = "/sessions",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The sessions are ended.", body = EndedForAll),
        (status = 403, description = "`permission_denied`"),
    )
)]
pub(super) async fn end_everyone(
    State(services): State<Arc<Services>>,
    permitted: Permitted<Admin>,
) -> Result<Json<EndedForAll>, Problem> {
    let ended = services
        .accounts
        .operator
        .everyone
        .end(&permitted.by, permitted.now)
        .await?;
    Ok(Json(EndedForAll {
        accounts: ended.accounts,
        sessions: ended.sessions,
        complete: ended.is_complete,
    }))
}
