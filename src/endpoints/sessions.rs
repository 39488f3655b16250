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

#[derive(Serialize)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
}

/// One device on which somebody is signed in.
#[derive(Serialize)]
struct Session {
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    device_name: Option<String>,
    user_agent: Option<String>,
    address: Option<IpAddr>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

pub(super) async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
) -> Result<Json<Sessions>, Problem> {
    let open = services.accounts.sessions(by.user_id, caller.received_at).await?;
    let sessions = open
        .into_iter()
        .map(|session| Session {
            id: session.session_id,
            current: session.session_id == by.session_id,
            device_name: session.device_name,
            user_agent: session.user_agent,
            address: session.address,
            created_at: session.started_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        })
        .collect();
    Ok(Json(Sessions { sessions }))
}

pub(super) async fn end(
    State(services): State<Arc<Services>>,
    caller: Caller,
    SignedIn(by): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    // Another's session is not found, like one that never was.
    let unknown = || Problem::new(Code::SessionNotFound);
    let id = id.parse().map_err(|_| unknown())?;
    let ended = services
        .accounts
        .end_session(by, id, &caller.origin(), caller.received_at)
        .await?;
    if ended {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown())
    }
}
