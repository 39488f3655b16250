//! An account for display, without credentials, from a cached copy in Redis if there is one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::directory::Directory;
use crate::accounts::error::Failure;
use crate::metrics::Metrics;
use crate::store::redis::Redis;
use crate::store::user_cache::{self, Copy};
use crate::store::users::User;

/// An account for display, without password hash and failure counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: Uuid,
    /// The email address.
    pub email: String,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// The username, if there is one.
    pub username: Option<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// The profile, which users edit themselves.
    pub profile: Map<String, Value>,
    /// When the account was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The time of the last sign-in.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_login_at: Option<OffsetDateTime>,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            username: user.username,
            roles: user.roles,
            permissions: user.permissions,
            profile: user.profile,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        }
    }
}

/// Cached copies of accounts in Redis, for display and not for decisions.
pub struct AccountCache {
    pub(crate) redis: Redis,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccountCache {
    /// An account that is not deleted, for display and not for decisions: if Redis missed a change, the copy is
    /// outdated for up to a minute.
    ///
    /// # Errors
    /// When PostgreSQL is needed and unreachable. Without Redis it is always needed.
    pub async fn find(&self, user_id: Uuid) -> Result<Option<Account>, Failure> {
        let found = user_cache::find(&self.redis, user_id).await;
        if let Ok((Copy::Known(text), _)) = &found
            && let Ok(account) = serde_json::from_str::<Account>(text)
            && account.id == user_id
        {
            self.count("hit");
            return Ok(Some(account));
        }
        self.count("miss");
        let account = self.directory.user(user_id).await?.map(Account::from);
        if let (Some(account), Ok((_, reading))) = (&account, found) {
            let text = serde_json::to_string(account).expect("strings and times are always JSON");
            if let Err(error) = user_cache::keep(&self.redis, user_id, &text, reading).await {
                tracing::debug!(%error, "the account was not cached");
            }
        }
        Ok(account)
    }

    fn count(&self, result: &str) {
        self.metrics.cache_requests.with_label_values(&["user", result]).inc();
    }
}
