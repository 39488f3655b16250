//! An account as it is shown, without what signs in, and for those who only look at it: out of a copy in Redis where there
//! is one.

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

/// What may be shown of an account: no hash, no counters of failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// The address.
    pub email: String,
    /// Whether the address was confirmed.
    pub email_verified: bool,
    /// A second name.
    pub username: Option<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// What the person says of themselves.
    pub profile: Map<String, Value>,
    /// When the account was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The last login.
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

/// Copies of accounts in Redis, to be shown and not to be decided by.
pub struct AccountCache {
    pub(crate) redis: Redis,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccountCache {
    /// An account that is not deleted, to be shown and not to be decided by: the copy of a change that Redis did not hear
    /// of is old for up to a minute.
    ///
    /// # Errors
    /// When PostgreSQL is asked and away. Without Redis it is asked every time.
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
                tracing::debug!(%error, "no copy of the account is kept");
            }
        }
        Ok(account)
    }

    fn count(&self, result: &str) {
        self.metrics.cache_requests.with_label_values(&["user", result]).inc();
    }
}
