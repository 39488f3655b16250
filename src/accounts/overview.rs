//! Lists and numbers for operators: presence, statistics, accounts, audit entries.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{StreamExt, TryStreamExt, iter};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::account::{Account, AccountCache};
use crate::accounts::error::Failure;
use crate::store::audit::{self, Entry, Event, Filter};
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::user_list::{self, Page};
use crate::store::users::{self, User};
use crate::store::{presence, sessions};

/// A user is online for this long after the last activity event. Events are recorded every fifteen seconds at most, and
/// written in batches.
pub const ONLINE_WITHIN: Duration = Duration::from_secs(300);

/// The maximum number of sign-ins of a day that are counted.
pub const LOGINS_COUNTED_TO: i64 = 10_000;

/// The number of accounts that are looked up at once.
const AT_ONCE: usize = 8;

/// A user who is online.
#[derive(Debug, Clone, PartialEq)]
pub struct Online {
    /// The user's id.
    pub user_id: Uuid,
    /// When they were last seen.
    pub last_seen_at: OffsetDateTime,
    /// The account; `None` if it was just deleted, or belongs to another issuer.
    pub account: Option<Account>,
}

/// The users who are online.
#[derive(Debug, Clone, PartialEq)]
pub struct Presence {
    /// The number of users.
    pub online: u64,
    /// The users, most recently seen first.
    pub users: Vec<Online>,
}

/// Numbers of accounts, sessions and logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Accounts that are not deleted, those of them that are locked, and those deleted.
    pub users: user_list::Count,
    /// Active sessions.
    pub open_sessions: i64,
    /// Sign-ins within the last 24 hours, at most [`LOGINS_COUNTED_TO`].
    pub logins_24h: i64,
    /// Users who are online; `None` while Redis is unreachable, which alone stores presence.
    pub online: Option<u64>,
}

/// Lists and counts for operators.
pub struct Overview {
    pub(crate) redis: Redis,
    pub(crate) account_cache: Arc<AccountCache>,
    pub(crate) postgres: Postgres,
}

impl Overview {
    /// The users who are online, at most `limit` of them by name.
    ///
    /// # Errors
    /// When a store is unreachable: Redis stores presence, and PostgreSQL the names.
    pub async fn presence(&self, limit: u32, now: OffsetDateTime) -> Result<Presence, Failure> {
        let found = presence::list(&self.redis, now - ONLINE_WITHIN, limit).await?;
        let named = found.users.into_iter().map(async |(user_id, last_seen_at)| {
            Ok::<_, Failure>(Online {
                user_id,
                last_seen_at,
                account: self.account_cache.find(user_id).await?,
            })
        });
        Ok(Presence {
            online: found.count,
            users: iter(named).buffered(AT_ONCE).try_collect().await?,
        })
    }

    /// The numbers, in a few milliseconds: accounts and sessions exactly up to 5,000 and by the database's statistics
    /// above that, sign-ins up to [`LOGINS_COUNTED_TO`].
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn stats(&self, now: OffsetDateTime) -> Result<Stats, Failure> {
        let reader = self.postgres.reader();
        let day = Duration::from_secs(86_400);
        Ok(Stats {
            users: user_list::count(&reader, now).await?,
            open_sessions: sessions::count(&reader).await?,
            logins_24h: audit::count(&reader, Event::LoginSucceeded, now - day, LOGINS_COUNTED_TO).await?,
            online: presence::count(&self.redis, now - ONLINE_WITHIN).await.ok(),
        })
    }

    /// A page of accounts.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn users(&self, page: Page<'_>, now: OffsetDateTime) -> Result<Vec<User>, Failure> {
        Ok(user_list::list(&self.postgres, page, now).await?)
    }

    /// An account, also a deleted one.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn any_user(&self, user_id: Uuid) -> Result<Option<User>, Failure> {
        Ok(users::find(&self.postgres, user_id).await?)
    }

    /// A page of audit entries, the newest first.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn audit(&self, filter: &Filter, limit: u32) -> Result<Vec<Entry>, Failure> {
        Ok(audit::list(&self.postgres, filter, limit).await?)
    }
}
