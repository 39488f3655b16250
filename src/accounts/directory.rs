//! Finds an account by id, email address or username.

use uuid::Uuid;

use crate::accounts::email::names::Identifier;
use crate::accounts::error::Failure;
use crate::store::StoreError;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};

/// Finds accounts.
pub struct Directory {
    pub(crate) postgres: Postgres,
}

impl Directory {
    /// An account that is not deleted.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn user(&self, user_id: Uuid) -> Result<Option<User>, Failure> {
        Ok(users::find(&self.postgres, user_id)
            .await?
            .filter(|user| user.deleted_at.is_none()))
    }

    /// Finds the account of an email address or username. A text that cannot be one is not looked up: PostgreSQL
    /// refuses NUL.
    pub(crate) async fn find(&self, identifier: &Identifier) -> Result<Option<User>, StoreError> {
        let text = identifier.text();
        if text.len() > 512 || text.chars().any(char::is_control) {
            return Ok(None);
        }
        match identifier {
            Identifier::Email(email) => users::find_by_email(&self.postgres, email).await,
            Identifier::Username(name) => users::find_by_username(&self.postgres, name).await,
        }
    }
}
