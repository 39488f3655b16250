//! `GET /auth/admin/audit`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::super::filter::{self, Filter};
use super::super::{Problem, Services};
use super::permitted::{AuditRead, Permitted};
use crate::accounts::{AuditEntry, AuditFilter, Event, Outcome};

const IP: &str = "an IP address such as 192.0.2.7 or 2001:db8::7";

/// A page of audit entries.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditPage, example = json!({"events": [{
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3b", "at": "2026-11-24T20:10:00Z", "event": "roles_changed",
    "outcome": "success", "actor_id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3c",
    "user_id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "session_id": null, "client_ip": "192.0.2.7",
    "user_agent": "curl/8.5.0", "request_id": "5c0d2c6a5d8f4f5e9b1f7a3c2d1e0f9a", "data": {"roles": ["staff"]}
}], "next_cursor": null}))]
pub(super) struct Page {
    events: Vec<Shown>,
    /// Pass this as `cursor` to get the next page; `null` on the last page.
    next_cursor: Option<String>,
}

/// An audit entry.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditEvent)]
struct Shown {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// The event.
    #[schema(schema_with = Events::schema)]
    event: &'static str,
    /// Whether the operation succeeded.
    #[schema(schema_with = Outcomes::schema)]
    outcome: &'static str,
    /// The account that did it; `null` for a client that was not signed in, and for the command line.
    actor_id: Option<Uuid>,
    /// The account that the entry is about.
    user_id: Option<Uuid>,
    session_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
    user_agent: Option<String>,
    request_id: Option<String>,
    /// Details, depending on the event.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
}

impl From<AuditEntry> for Shown {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            event: entry.event.as_str(),
            outcome: entry.outcome.as_str(),
            actor_id: entry.actor_id,
            user_id: entry.user_id,
            session_id: entry.session_id,
            client_ip: entry.address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            data: entry.data,
        }
    }
}

/// All events, for the OpenAPI document.
enum Events {}

impl PartialSchema for Events {
    fn schema() -> RefOr<Schema> {
        filter::words(Event::ALL.iter().map(|event| event.as_str())).into()
    }
}

impl ToSchema for Events {}

/// Both outcomes, for the OpenAPI document.
enum Outcomes {}

impl PartialSchema for Outcomes {
    fn schema() -> RefOr<Schema> {
        filter::words(Outcome::ALL.map(Outcome::as_str)).into()
    }
}

impl ToSchema for Outcomes {}

/// Filters; an entry has to match all of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The id of the account that the entry is about.
    #[param(value_type = Uuid, required = false)]
    user: Option<String>,
    /// The id of the account that did it.
    #[param(value_type = Uuid, required = false)]
    actor: Option<String>,
    /// The session's id.
    #[param(value_type = Uuid, required = false)]
    session: Option<String>,
    /// The event.
    #[param(inline, value_type = Events, required = false)]
    event: Option<String>,
    /// Whether the operation succeeded.
    #[param(inline, value_type = Outcomes, required = false)]
    outcome: Option<String>,
    /// The client IP.
    #[param(value_type = String, example = "192.0.2.7", required = false)]
    client_ip: Option<String>,
    /// Only entries from this time on (RFC 3339).
    #[param(value_type = OffsetDateTime, required = false)]
    since: Option<String>,
    /// Only entries before this time (RFC 3339).
    #[param(value_type = OffsetDateTime, required = false)]
    until: Option<String>,
    /// The size of the page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = String, min_length = 1, required = false)]
    cursor: Option<String>,
}

/// List audit entries, the newest first
///
/// Needs `sidegate:audit:read`.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "admin",
    security(("bearer" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "A page of audit entries.", body = Page),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    _: Permitted<AuditRead>,
    Filter(wanted): Filter<Wanted>,
) -> Result<Json<Page>, Problem> {
    let limit = filter::limit(wanted.limit.as_deref())?;
    let which = AuditFilter {
        user_id: filter::id("user", wanted.user.as_deref(), "an account")?,
        actor_id: filter::id("actor", wanted.actor.as_deref(), "an account")?,
        session_id: filter::id("session", wanted.session.as_deref(), "a session")?,
        address: filter::value("client_ip", wanted.client_ip.as_deref(), IP, |text| text.parse().ok())?,
        event: filter::word("event", wanted.event.as_deref(), Event::ALL, Event::as_str)?,
        outcome: filter::word("outcome", wanted.outcome.as_deref(), &Outcome::ALL, Outcome::as_str)?,
        since: filter::instant("since", wanted.since.as_deref())?,
        until: filter::instant("until", wanted.until.as_deref())?,
        before: filter::cursor(wanted.cursor.as_deref(), filter::read_time_cursor)?,
    };
    let mut found = services.accounts.overview.audit(&which, limit + 1).await?;
    let next_cursor = filter::next(&mut found, limit, |entry| filter::time_cursor(entry.at, entry.id));
    Ok(Json(Page {
        events: found.into_iter().map(Shown::from).collect(),
        next_cursor,
    }))
}
