//! The caller of an administrative endpoint.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use time::OffsetDateTime;

use super::super::problem::Code;
use super::super::signed_in::signed_in;
use super::super::{Caller, Problem, Services};
use crate::accounts::Operator;

/// Stands for every permission here.
const ADMIN: &str = "sidegate:admin";

/// One permission of Sidegate's own.
pub(super) trait Permission: Send {
    /// The word in the token.
    const WORD: &'static str;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        $($(#[$doc])* pub(super) enum $name {}

        impl Permission for $name {
            const WORD: &'static str = $word;
        })*
    };
}

permissions! {
    /// See accounts.
    UsersRead = "sidegate:users:read",
    /// Make, change, lock and delete accounts.
    UsersWrite = "sidegate:users:write",
    /// See who is signed in where.
    SessionsRead = "sidegate:sessions:read",
    /// Sign people out.
    SessionsWrite = "sidegate:sessions:write",
    /// See what happened.
    AuditRead = "sidegate:audit:read",
    /// See who is online.
    PresenceRead = "sidegate:presence:read",
    /// See how many there are.
    StatsRead = "sidegate:stats:read",
}

/// Somebody whose token carries the permission `P`. The token is a fresh one: a change of permissions outdates those
/// before it.
pub(super) struct Permitted<P> {
    /// Who it is, for the services.
    pub(super) by: Operator,
    /// The instant at which the request is judged.
    pub(super) now: OffsetDateTime,
    needs: PhantomData<fn() -> P>,
}

impl<P: Permission> FromRequestParts<Arc<Services>> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, services).await?;
        let (session, identified) = signed_in(parts, services).await?;
        let permitted = |permission: &String| permission == P::WORD || permission == ADMIN;
        if !identified.permissions.iter().any(permitted) {
            return Err(Problem::new(Code::PermissionDenied));
        }
        Ok(Self {
            by: Operator {
                user_id: Some(session.user_id),
                permissions: Some(identified.permissions),
                origin: caller.origin(),
            },
            now: caller.received_at,
            needs: PhantomData,
        })
    }
}
