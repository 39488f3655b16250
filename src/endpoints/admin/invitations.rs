//! `GET, POST /auth/admin/invitations`, `DELETE /auth/admin/invitations/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::body::Body;
use super::super::filter::{self, Filter};
use super::super::problem::Code;
use super::super::{Problem, Services};
use super::id::id;
use super::permitted::{Permitted, UsersRead, UsersWrite};
use crate::accounts::{Invitation, InvitationError};

/// An open invitation.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminInvitation, example = json!({
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "bob@example.com", "roles": ["staff"],
    "invited_by": "01980f0e-7a5c-7000-8000-0d6f0b1f8a11", "created_at": "2026-11-24T20:00:00Z",
    "expires_at": "2026-12-01T20:00:00Z"
}))]
pub(super) struct Shown {
    id: Uuid,
    email: String,
    roles: Vec<String>,
    /// The operator's account; `null` if it was created at the command line.
    invited_by: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<Invitation> for Shown {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            roles: invitation.roles,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// A new invitation.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminInvited, example = json!({
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "bob@example.com", "roles": ["staff"],
    "invited_by": "01980f0e-7a5c-7000-8000-0d6f0b1f8a11", "created_at": "2026-11-24T20:00:00Z",
    "expires_at": "2026-12-01T20:00:00Z"
}))]
pub(super) struct Made {
    #[serde(flatten)]
    invitation: Shown,
    /// The token of the invitation, only if no email is sent: then it has to be passed on by other means.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A page of invitations.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminInvitations, example = json!({"invitations": [{
    "id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a", "email": "bob@example.com", "roles": ["staff"],
    "invited_by": null, "created_at": "2026-11-24T20:00:00Z", "expires_at": "2026-12-01T20:00:00Z"
}], "next_cursor": null}))]
pub(super) struct Invitations {
    invitations: Vec<Shown>,
    /// Pass this as `cursor` to get the next page; `null` on the last page.
    next_cursor: Option<String>,
}

/// The page to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The size of the page, 1 to 200. Default: 50.
    limit: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = String, min_length = 1, required = false)]
    cursor: Option<String>,
}

/// The invitation to create.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = AdminNewInvitation)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    email: String,
    /// The roles of the new account.
    #[serde(default)]
    roles: Vec<String>,
}

/// List open invitations, the oldest first
///
/// Needs `sidegate:users:read`.
#[utoipa::path(
    get,
    path = "/invitations",
    tag = "admin",
    security(("bearer" = [])),
    params(Wanted),
    responses(
        (status = 200, description = "A page of invitations.", body = Invitations),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`"),
    )
)]
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersRead>,
    Filter(wanted): Filter<Wanted>,
) -> Result<Json<Invitations>, Problem> {
    let limit = filter::limit(wanted.limit.as_deref())?;
    let after = filter::cursor(wanted.cursor.as_deref(), filter::read_id_cursor)?;
    let mut found = services
        .accounts
        .registration
        .invitations
        .list(after, limit + 1, permitted.now)
        .await?;
    let next_cursor = filter::next(&mut found, limit, |invitation| filter::id_cursor(invitation.id));
    Ok(Json(Invitations {
        invitations: found.into_iter().map(Shown::from).collect(),
        next_cursor,
    }))
}

/// Invite somebody to register
///
/// The invitation is sent by email and works for that email address only. It replaces an earlier one. Needs `sidegate:users:write`.
#[utoipa::path(
    post,
    path = "/invitations",
    tag = "admin",
    security(("bearer" = [])),
    request_body(content = New, example = json!({"email": "bob@example.com", "roles": ["staff"]})),
    responses(
        (status = 201, description = "The invitation.", body = Made),
        (status = 403, description = "`permission_denied`, `registration_closed`"),
        (status = 409, description = "`email_taken`"),
    )
)]
pub(super) async fn invite(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let accounts = &services.accounts;
    let invited = accounts
        .registration
        .invitations
        .invite(&new.email, &new.roles, &permitted.by, permitted.now)
        .await?;
    // With mail, only the invited person gets the token: the operator could otherwise register the account themselves.
    let token = (!accounts.mail.is_enabled()).then(|| invited.token.expose().to_owned());
    let made = Made {
        invitation: invited.invitation.into(),
        token,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Withdraw an invitation
///
/// Needs `sidegate:users:write`.
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The invitation's id.")),
    responses(
        (status = 204, description = "The invitation is withdrawn."),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`invitation_not_found`"),
    )
)]
pub(super) async fn revoke(
    State(services): State<Arc<Services>>,
    permitted: Permitted<UsersWrite>,
    Path(invitation): Path<String>,
) -> Result<StatusCode, Problem> {
    let invitation = id(&invitation, Code::InvitationNotFound)?;
    let revoked = services
        .accounts
        .registration
        .invitations
        .revoke(invitation, &permitted.by, permitted.now)
        .await?;
    if revoked {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::InvitationNotFound))
    }
}

impl From<InvitationError> for Problem {
    fn from(error: InvitationError) -> Self {
        match error {
            InvitationError::Email(_) => Self::field("email", "email_invalid", &error),
            InvitationError::Roles => Self::field("roles", "not_accepted", &error),
            InvitationError::EmailTaken => Self::new(Code::EmailTaken),
            InvitationError::Closed => Self::new(Code::RegistrationClosed),
            InvitationError::Failure(failure) => failure.into(),
        }
    }
}
