//! The operator who calls an administrative endpoint, and the permission it requires.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use time::OffsetDateTime;

use super::super::problem::Code;
use super::super::signed_in::signed_in;
use super::super::{Caller, Problem, Services};
use crate::accounts::Operator;

/// The permission that includes all others of this file.
const ADMIN: &str = "sidegate:admin";

/// A permission of Sidegate's own, as a type that a handler can name.
pub(super) trait Permission: Send {
    /// Its name in the claim `permissions`.
    const NAME: &'static str;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        $($(#[$doc])* pub(super) enum $name {}

        impl Permission for $name {
            const NAME: &'static str = $text;
        })*
    };
}

permissions! {
    /// Everything.
    Admin = "sidegate:admin",
    /// Read accounts and invitations.
    UsersRead = "sidegate:users:read",
    /// Create, change, lock and delete accounts, and invite.
    UsersWrite = "sidegate:users:write",
    /// Read the sessions of accounts.
    SessionsRead = "sidegate:sessions:read",
    /// End the sessions of accounts.
    SessionsWrite = "sidegate:sessions:write",
    /// Read the audit log.
    AuditRead = "sidegate:audit:read",
    /// Read who is online.
    PresenceRead = "sidegate:presence:read",
    /// Read the numbers of accounts, sessions and logins.
    StatsRead = "sidegate:stats:read",
}

/// An operator whose token has the permission `P`. The permission is current: a change of permissions makes older tokens
/// outdated, and the gate refuses those.
pub(super) struct Permitted<P> {
    /// The operator, for the services.
    pub(super) by: Operator,
    /// The time of the request.
    pub(super) now: OffsetDateTime,
    needs: PhantomData<fn() -> P>,
}

impl<P: Permission> FromRequestParts<Arc<Services>> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, services).await?;
        let (session, identified) = signed_in(parts, services).await?;
        let permitted = |permission: &String| permission == P::NAME || permission == ADMIN;
        if !identified.permissions.iter().any(permitted) {
            return Err(Problem::new(Code::PermissionDenied));
        }
        Ok(Self {
            by: Operator::with_permissions(session.user_id, identified.permissions, caller.origin()),
            now: caller.received_at,
            needs: PhantomData,
        })
    }
}
