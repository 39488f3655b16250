//! The error of an operator's request.

use crate::accounts::email::names::NameError;
use crate::accounts::error::Failure;
use crate::accounts::operator::permissions::ADMIN;
use crate::accounts::password::rules::Weakness;
use crate::accounts::profile::ProfileError;
use crate::store::{StoreError, users};

/// Why an operator's request was refused.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The email address is not valid.
    #[error(transparent)]
    Email(NameError),
    /// The username is not valid.
    #[error(transparent)]
    Username(NameError),
    /// Another account has the email address.
    #[error("the email address is taken by another account")]
    EmailTaken,
    /// Another account has the username.
    #[error("the username is taken by another account")]
    UsernameTaken,
    /// The password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// A role or a permission is not valid.
    #[error(
        "{0}: each is a word of 1 to 128 characters without spaces, commas, control and invisible characters, at most 256 of them"
    )]
    Word(&'static str),
    /// The profile is not accepted.
    #[error(transparent)]
    Profile(ProfileError),
    /// There is no such account.
    #[error("there is no account `{0}`")]
    NotFound(String),
    /// The account is not deleted.
    #[error("the account is not deleted")]
    NotDeleted,
    /// The operation requires `sidegate:admin`.
    #[error("the permission {ADMIN} is required")]
    AdminRequired,
    /// Operators cannot do this to their own account.
    #[error("operators cannot do this to their own account")]
    OwnAccount,
    /// A failure that is not the operator's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        if error.is_constraint(users::EMAIL_IS_TAKEN) {
            Self::EmailTaken
        } else if error.is_constraint(users::USERNAME_IS_TAKEN) {
            Self::UsernameTaken
        } else {
            Self::Failure(error.into())
        }
    }
}
