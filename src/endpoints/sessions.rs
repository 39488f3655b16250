//! `GET /auth/sessions`, `DELETE /auth/sessions/{id}`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::problem::Code;
use super::signed_in::SignedIn;
use super::{Caller, Problem, Services};

/// The caller's active sessions, most recently seen first.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"sessions": [{
    "id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11", "current": true, "device_name": "phone", "user_agent": "curl/8.5.0",
    "client_ip": "192.0.2.7", "created_at": "2026-11-24T20:00:00Z", "last_seen_at": "2026-11-24T20:10:00Z",
    "expires_at": "2026-12-24T20:10:00Z"
}]}))]
pub(super) struct Sessions {
    sessions: Vec<Session>,
}

/// An active session: one sign-in on one device.
#[derive(Serialize, utoipa::ToSchema)]
struct Session {
    id: Uuid,
    /// Whether it is the caller's own session.
    current: bool,
    device_name: Option<String>,
    user_agent: Option<String>,
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// List your active sessions
#[utoipa::path(
    get,
    path = "/sessions",
    tag = "sessions",
    security(("bearer" = [])),
    responses((status = 200, description = "The active sessions.", body = Sessions))
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
) -> Result<Json<Sessions>, Problem> {
    let open = services.accounts.sessions.list(by.user_id, caller.received_at).await?;
    let sessions = open
        .into_iter()
        .map(|session| Session {
            id: session.session_id,
            current: session.session_id == by.session_id,
            device_name: session.device_name,
            user_agent: session.user_agent,
            client_ip: session.address,
            created_at: session.started_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        })
        .collect();
    Ok(Json(Sessions { sessions }))
}

/// End one of your sessions
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    tag = "sessions",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The session's id.")),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "`session_not_found`"),
    )
)]
pub(super) async fn end(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    // A session of another account is answered like one that does not exist.
    let unknown = || Problem::new(Code::SessionNotFound);
    let id = id.parse().map_err(|_| unknown())?;
    let ended = services
        .accounts
        .sessions
        .end_one(by, id, &caller.origin(), caller.received_at)
        .await?;
    if ended {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown())
    }
}
