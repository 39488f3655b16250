//! `GET /auth/activity`: what the audit log has about the caller's own account.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::{self, Filter};
use super::signed_in::SignedIn;
use super::{Problem, Services};
use crate::accounts::{AuditEntry, AuditFilter};

/// A page of events of the caller's account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ActivityPage, example = json!({"events": [{
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3b", "at": "2026-11-24T20:10:00Z", "event": "login_succeeded",
    "outcome": "success", "by": "you", "session_id": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11",
    "client_ip": "192.0.2.7", "user_agent": "curl/8.5.0"
}], "next_cursor": null}))]
pub(super) struct Page {
    events: Vec<Shown>,
    /// Pass this as `cursor` to get the next page; `null` on the last page.
    next_cursor: Option<String>,
}

/// An event of the caller's account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ActivityEvent)]
struct Shown {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// What happened: a name of the list of audit events.
    event: &'static str,
    /// `success` or `failure`.
    outcome: &'static str,
    /// Who did it.
    by: By,
    session_id: Option<Uuid>,
    /// The client IP, unless another person did it.
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
    /// The user agent, unless another person did it.
    user_agent: Option<String>,
}

/// Who did something with the account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ActivityBy)]
#[serde(rename_all = "snake_case")]
enum By {
    /// The owner of the account, signed in.
    You,
    /// An operator with an account.
    Operator,
    /// A client that was not signed in, or the command line.
    NotSignedIn,
}

impl Shown {
    /// Without the details, which are for operators, and without the operator's name and address.
    fn of(entry: AuditEntry, owner: Uuid) -> Self {
        let by = match entry.actor_id {
            Some(actor) if actor == owner => By::You,
            Some(_) => By::Operator,
            None => By::NotSignedIn,
        };
        let is_operator = matches!(by, By::Operator);
        Self {
            id: entry.id,
            at: entry.at,
            event: entry.event.as_str(),
            outcome: entry.outcome.as_str(),
            by,
            session_id: entry.session_id.filter(|_| !is_operator),
            client_ip: entry.address.filter(|_| !is_operator),
            user_agent: entry.user_agent.filter(|_| !is_operator),
        }
    }
}

/// The page to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The size of the page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = String, min_length = 1, required = false)]
    cursor: Option<String>,
}

/// List what happened to your account, the newest first
///
/// Sign-ins, also failed ones, and changes of the account, by you, by others who tried, and by operators.
#[utoipa::path(
    get,
    path = "/activity",
    tag = "account",
    security(("bearer" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "A page of events.", body = Page),
        (status = 422, description = "`validation_failed`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    SignedIn(session): SignedIn,
    Filter(wanted): Filter<Wanted>,
) -> Result<Json<Page>, Problem> {
    let limit = filter::limit(wanted.limit.as_deref())?;
    let which = AuditFilter {
        user_id: Some(session.user_id),
        before: filter::cursor(wanted.cursor.as_deref(), filter::read_time_cursor)?,
        ..AuditFilter::default()
    };
    let mut found = services.accounts.overview.audit(&which, limit + 1).await?;
    let next_cursor = filter::next(&mut found, limit, |entry| filter::time_cursor(entry.at, entry.id));
    Ok(Json(Page {
        events: found
            .into_iter()
            .map(|entry| Shown::of(entry, session.user_id))
            .collect(),
        next_cursor,
    }))
}
