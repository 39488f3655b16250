//! Login: a name and a password become a session.
//!
//! Whatever is wrong (no such account, wrong password, locked), the answer is the same word after the same work: who
//! asks learns nothing about who has an account, and a stranger who locks an account does not even learn that they did.
//! The owner learns of it from the audit log and the metric.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::limits::address_key;
use super::names::Identifier;
use super::origin::Happening;
use super::settings::Lockout;
use super::{Accounts, Failure, Origin, Pair, tokens};
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Transaction;
use crate::store::refresh_tokens::{self, RefreshToken};
use crate::store::users::{self, User};
use crate::store::{StoreError, id};

/// What somebody who signs in sends.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// An address or a username.
    pub login: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// What the person calls the device.
    pub device_name: Option<&'a str>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, or not its password, or it is locked.
    #[error("wrong name or password")]
    BadCredentials,
    /// Too many attempts from this address or for this account.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Why credentials are wrong: for the audit log and the metric, never for the caller.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Unknown,
    Password,
    Locked,
}

impl Wrong {
    const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_account",
            Self::Password => "wrong_password",
            Self::Locked => "locked",
        }
    }
}

impl Accounts {
    /// Signs somebody in.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn login(&self, attempt: Attempt<'_>, origin: &Origin, now: OffsetDateTime) -> Result<Pair, LoginError> {
        let outcome = self.try_login(attempt, origin, now).await;
        let result = match &outcome {
            Ok(_) => "success",
            Err((LoginError::BadCredentials, Some(Wrong::Locked))) => "locked",
            Err((LoginError::BadCredentials, _)) => "bad_credentials",
            Err((LoginError::RateLimited { .. }, _)) => "rate_limited",
            Err((LoginError::Failure(_), _)) => "error",
        };
        self.metrics
            .login_attempts
            .with_label_values(&["password", result])
            .inc();
        outcome.map_err(|(error, _)| error)
    }

    async fn try_login(
        &self,
        attempt: Attempt<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Pair, (LoginError, Option<Wrong>)> {
        let plain = |error: LoginError| (error, None);
        let identifier = Identifier::read(attempt.login);
        self.limit_login(&identifier, origin, now).await.map_err(plain)?;

        let user = self.find(&identifier).await.map_err(|error| plain(error.into()))?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        // A locked account's password is checked too, for the time it takes; the verdict is then not looked at.
        let verified = self
            .hasher
            .verify(attempt.password, hash)
            .await
            .map_err(|e| plain(Failure::from(e).into()))?;

        let wrong = match &user {
            Some(user) if user.is_locked(now) => Some(Wrong::Locked),
            Some(user) if user.password_hash.is_some() && verified.matches => None,
            Some(_) => Some(Wrong::Password),
            None => Some(Wrong::Unknown),
        };
        let (Some(user), None) = (&user, wrong) else {
            let wrong = wrong.unwrap_or(Wrong::Unknown);
            self.record_failure(user.as_ref(), wrong, origin, now)
                .await
                .map_err(|error| plain(error.into()))?;
            self.note_failure(origin.address, identifier.text(), wrong.word()).await;
            return Err((LoginError::BadCredentials, Some(wrong)));
        };

        let new_hash = if verified.outdated {
            self.rehash(attempt.password).await
        } else {
            None
        };
        let opened = self
            .open(user, attempt.device_name, new_hash.as_deref(), origin, now)
            .await
            .map_err(plain)?;
        opened.ok_or((LoginError::BadCredentials, Some(Wrong::Password)))
    }

    /// Both windows count every attempt, right or wrong: counting only wrong ones would need the verdict first, and the
    /// verdict is what costs a third of a second.
    async fn limit_login(
        &self,
        identifier: &Identifier,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        let limit = &self.settings.login_limit;
        if let Some(address) = origin.address {
            let key = address_key(address);
            let taken = self
                .limiter
                .take("login_address", &key, limit.per_address, limit.window, now)
                .await;
            if !taken.allowed {
                return Err(LoginError::RateLimited {
                    retry_after: taken.retry_after,
                });
            }
        }
        let taken = self
            .limiter
            .take("login_account", identifier.text(), limit.per_account, limit.window, now)
            .await;
        if taken.allowed {
            Ok(())
        } else {
            Err(LoginError::RateLimited {
                retry_after: taken.retry_after,
            })
        }
    }

    /// Finds the account of a name. A text that can be no name is not asked for: PostgreSQL would refuse its NUL.
    pub(super) async fn find(&self, identifier: &Identifier) -> Result<Option<User>, StoreError> {
        let text = identifier.text();
        if text.len() > 512 || text.chars().any(char::is_control) {
            return Ok(None);
        }
        match identifier {
            Identifier::Email(email) => users::find_by_email(&self.postgres, email).await,
            Identifier::Username(name) => users::find_by_username(&self.postgres, name).await,
        }
    }

    /// Writes a failure down, and locks the account when it was one too many. For an unknown account the same
    /// statements run and touch nothing, so that they take the same time.
    async fn record_failure(
        &self,
        user: Option<&User>,
        wrong: Wrong,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let user_id = user.map(|user| user.id);
        let tx = self.postgres.transaction("login_failed").await?;
        let counted =
            users::record_failed_login(&tx, user_id.unwrap_or(Uuid::nil()), &self.settings.lockout.store(), now)
                .await?;
        Happening::to(user_id, Event::LoginFailed, origin)
            .failed()
            .with("reason", wrong.word())
            .insert(&tx, &self.metrics, now)
            .await?;
        if let Some(counted) = counted.filter(|counted| counted.locked_now) {
            let until = counted.locked_until.map(OffsetDateTime::unix_timestamp);
            Happening::to(user_id, Event::AccountLocked, origin)
                .with("failures", counted.failures)
                .with("locked_until", until)
                .insert(&tx, &self.metrics, now)
                .await?;
        }
        tx.commit().await
    }

    /// A hash with today's cost. Not worth failing a login for: the next one tries again.
    async fn rehash(&self, password: &Secret) -> Option<String> {
        self.hasher
            .hash(password)
            .await
            .inspect_err(|error| tracing::debug!(%error, "no rehash this time"))
            .ok()
    }

    /// Opens a session for a user whose password was right a moment ago; `None` when it no longer is.
    async fn open(
        &self,
        seen: &User,
        device_name: Option<&str>,
        new_hash: Option<&str>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Option<Pair>, LoginError> {
        let tx = self.postgres.transaction("login").await?;
        // Again, under the lock: the password may have been changed, the account locked or deleted, while we hashed.
        let user = users::find_for_update(&tx, seen.id).await?;
        let same =
            |user: &User| user.deleted_at.is_none() && !user.is_locked(now) && user.password_hash == seen.password_hash;
        let Some(user) = user.filter(same) else { return Ok(None) };

        if let (Some(old), Some(new)) = (&user.password_hash, new_hash) {
            users::rehash_password(&tx, user.id, old, new).await?;
            Happening::by(user.id, Event::PasswordRehashed, origin)
                .insert(&tx, &self.metrics, now)
                .await?;
            self.metrics.password_rehash.inc();
        }
        users::record_login(&tx, user.id, now).await?;
        let (row, refresh) = self.first_row(&user, device_name, origin, now);
        refresh_tokens::insert(&tx, &row).await?;
        let pair = self.pair(&user, &row, &refresh, now).map_err(Failure::from)?;
        self.note_login(&tx, &row, origin, now).await?;
        tx.commit().await?;
        self.count_issued("password");
        Ok(Some(pair))
    }

    async fn note_login(
        &self,
        tx: &Transaction,
        row: &RefreshToken,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        Happening::by(row.user_id, Event::LoginSucceeded, origin)
            .session(row.session_id)
            .with("method", "password")
            .insert(tx, &self.metrics, now)
            .await
    }

    fn first_row(
        &self,
        user: &User,
        device_name: Option<&str>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> (RefreshToken, Secret) {
        let settings = &self.settings.refresh_token;
        let refresh = tokens::refresh();
        let session_expires_at = now + settings.session_max;
        let row = RefreshToken {
            id: id::new(now),
            token_hash: tokens::refresh_hash(refresh.expose()).expect("a token just made has the form of one"),
            user_id: user.id,
            session_id: Uuid::new_v4(),
            parent_id: None,
            session_started_at: now,
            session_expires_at,
            auth_time: now,
            amr: vec!["pwd".to_owned()],
            device_name: device_name.map(str::to_owned),
            user_agent: origin.user_agent(),
            address: origin.address,
            created_at: now,
            expires_at: session_expires_at.min(now + settings.ttl),
            used_at: None,
            revoked_at: None,
            revoked_reason: None,
            metadata: serde_json::Map::new(),
        };
        (row, refresh)
    }

    pub(super) fn count_issued(&self, grant: &str) {
        for kind in ["access", "refresh"] {
            self.metrics.tokens_issued.with_label_values(&[kind, grant]).inc();
        }
    }
}

impl Lockout {
    fn store(&self) -> users::Lockout {
        users::Lockout {
            attempts: i32::try_from(self.attempts).unwrap_or(i32::MAX),
            window: self.window,
            duration: self.duration,
            max: self.max,
        }
    }
}
