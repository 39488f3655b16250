//! `/auth/admin`: what operators do with the accounts, sessions and audit entries of others.
//!
//! Every handler takes a [`permitted::Permitted`] with the permission it requires. It is also the only source of the
//! `Operator` that the services require, so that a handler without a permission check cannot do anything.

mod audit;
mod id;
mod invitations;
mod permitted;
mod presence;
mod sessions;
mod standing;
mod stats;
mod users;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::me::profile_problem;
use super::problem::Code;
use super::{Problem, Services};
use crate::accounts::OperatorError;

/// The endpoints under `/auth/admin`.
pub(super) fn routes() -> OpenApiRouter<Arc<Services>> {
    OpenApiRouter::new()
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::edit, standing::delete))
        .routes(routes!(standing::restore))
        .routes(routes!(standing::lock))
        .routes(routes!(standing::unlock))
        .routes(routes!(standing::require_password_reset))
        .routes(routes!(standing::reset_mfa))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_everyone))
        .routes(routes!(invitations::list, invitations::invite))
        .routes(routes!(invitations::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(presence::list))
        .routes(routes!(stats::show))
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Email(_) => Self::field("email", "email_invalid", &error),
            OperatorError::Username(_) => Self::field("username", "username_invalid", &error),
            OperatorError::EmailTaken => Self::new(Code::EmailTaken),
            OperatorError::UsernameTaken => Self::new(Code::UsernameTaken),
            OperatorError::Password(weakness) => Self::field("password", weakness.code(), &weakness),
            OperatorError::Word(kind) => Self::field(kind, "not_accepted", &error),
            OperatorError::Profile(error) => profile_problem(error),
            OperatorError::NotFound(_) => Self::new(Code::UserNotFound),
            OperatorError::NotDeleted => Self::new(Code::NotDeleted),
            OperatorError::AdminRequired => Self::new(Code::AdminRequired),
            OperatorError::OwnAccount => Self::new(Code::OwnAccount),
            OperatorError::Failure(failure) => failure.into(),
        }
    }
}
