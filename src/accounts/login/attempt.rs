//! Login: a name and a password become a session.
//!
//! Whatever is wrong (no such account, wrong password, locked), the answer is the same word after the same work: who
//! asks learns nothing about who has an account, and a stranger who locks an account does not even learn that they did.
//! The owner learns of it from the audit log and the metric.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::names::Identifier;
use crate::accounts::login::limits::address_key;
use crate::accounts::login::lock;
use crate::accounts::origin::AuditRecord;
use crate::accounts::sessions::open::Opening;
use crate::accounts::settings::{Lockout, Verification};
use crate::accounts::{Accounts, Challenge, Failure, Origin, SignedIn};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::postgres::Transaction;
use crate::store::users::{self, FailedLogin, User};

/// What somebody who signs in sends.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// An address or a username.
    pub login: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// What the person calls the device.
    pub device_name: Option<&'a str>,
    /// What the device was given when somebody last signed in on it.
    pub device_token: Option<&'a Secret>,
}

/// What a right password leads to.
#[derive(Debug)]
pub enum Login {
    /// A session.
    SignedIn(SignedIn),
    /// The question for a second factor.
    SecondFactor(Challenge),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, or not its password, or it is locked.
    #[error("wrong name or password")]
    BadCredentials,
    /// The password is right, and the address was never confirmed.
    #[error("the address is not verified")]
    EmailUnverified,
    /// The password is right, and an operator wants another.
    #[error("the password must be replaced")]
    PasswordResetRequired,
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
    /// Signs somebody in, or asks for a second factor.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn login(&self, attempt: Attempt<'_>, origin: &Origin, now: OffsetDateTime) -> Result<Login, LoginError> {
        let outcome = self.try_login(attempt, origin, now).await;
        let result = match &outcome {
            Ok(Login::SignedIn(_)) => "success",
            Ok(Login::SecondFactor(_)) => "mfa_required",
            Err((LoginError::BadCredentials, Some(Wrong::Locked))) => "locked",
            Err((LoginError::BadCredentials, _)) => "bad_credentials",
            Err((LoginError::EmailUnverified, _)) => "unverified",
            Err((LoginError::PasswordResetRequired, _)) => "reset_required",
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
    ) -> Result<Login, (LoginError, Option<Wrong>)> {
        let plain = |error: LoginError| (error, None);
        self.limit_address(origin, now).await.map_err(plain)?;
        let identifier = Identifier::read(attempt.login);
        let user = self.find(&identifier).await.map_err(|error| plain(error.into()))?;
        let device = self.known_device(attempt.device_token, user.as_ref(), now).await;
        if device.is_none() {
            self.limit_account(&identifier, user.as_ref(), now)
                .await
                .map_err(plain)?;
        }

        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        // A locked account's password is checked too, for the time it takes; the verdict is then not looked at.
        let verified = self
            .hasher
            .verify(attempt.password, hash)
            .await
            .map_err(|e| plain(Failure::from(e).into()))?;

        let lockout = &self.settings.lockout;
        let wrong = match &user {
            Some(user) if lock::keeps_out(user, device.is_some(), lockout, now) => Some(Wrong::Locked),
            Some(user) if user.password_hash.is_some() && verified.matches => None,
            Some(_) => Some(Wrong::Password),
            None => Some(Wrong::Unknown),
        };
        let (Some(user), None) = (&user, wrong) else {
            let wrong = wrong.unwrap_or(Wrong::Unknown);
            self.record_failure(user.as_ref(), device, wrong, origin, now)
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
        let admitted = self
            .admit(user, attempt.device_name, device, new_hash, origin, now)
            .await
            .map_err(plain)?;
        admitted.ok_or((LoginError::BadCredentials, Some(Wrong::Password)))
    }

    /// Both windows count every attempt, right or wrong: counting only wrong ones would need the verdict first, and the
    /// verdict is what costs a third of a second.
    pub(crate) async fn limit_address(&self, origin: &Origin, now: OffsetDateTime) -> Result<(), LoginError> {
        let limit = &self.settings.login_limit;
        let Some(address) = origin.address else { return Ok(()) };
        let key = address_key(address);
        self.take_login("login_address", &key, limit.per_address, limit.window, now)
            .await
    }

    async fn limit_account(
        &self,
        identifier: &Identifier,
        user: Option<&User>,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        let limit = &self.settings.login_limit;
        let key = user.map_or_else(|| name_key(identifier), account_key);
        self.take_login("login_account", &key, limit.per_account, limit.window, now)
            .await
    }

    async fn take_login(
        &self,
        policy: &'static str,
        key: &str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        let taken = self.limiter.take(policy, key, limit, window, now).await;
        if taken.allowed {
            Ok(())
        } else {
            Err(LoginError::RateLimited {
                retry_after: taken.retry_after,
            })
        }
    }

    /// Finds the account of a name. A text that can be no name is not asked for: PostgreSQL would refuse its NUL.
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

    /// Writes a failure down, and locks the account when it was one too many. For an unknown account the same
    /// statements run and touch nothing, so that they take the same time; for a known device, too, whose failures its own
    /// allowance counts.
    async fn record_failure(
        &self,
        user: Option<&User>,
        device: Option<Uuid>,
        wrong: Wrong,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let user_id = user.map(|user| user.id);
        let counted = user_id.filter(|_| device.is_none());
        let tx = self.postgres.transaction("login_failed").await?;
        let failures = self.count_failure(&tx, counted, now).await?;
        AuditRecord::to(user_id, Event::LoginFailed, origin)
            .failed()
            .with("reason", wrong.word())
            .with("known_device", device.is_some())
            .insert(&tx, &self.metrics, now)
            .await?;
        self.note_lock(&tx, counted, failures, origin, now).await?;
        tx.commit().await
    }

    /// Counts one wrong password or second factor.
    pub(crate) async fn count_failure(
        &self,
        tx: &Transaction,
        user_id: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Option<FailedLogin>, StoreError> {
        users::record_failed_login(tx, user_id.unwrap_or(Uuid::nil()), &self.settings.lockout.store(), now).await
    }

    /// Writes down that a failure locked the account, if it did.
    pub(crate) async fn note_lock(
        &self,
        tx: &Transaction,
        user_id: Option<Uuid>,
        counted: Option<FailedLogin>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let Some(counted) = counted.filter(|counted| counted.locked_now) else {
            return Ok(());
        };
        let until = counted.locked_until.map(OffsetDateTime::unix_timestamp);
        AuditRecord::to(user_id, Event::AccountLocked, origin)
            .with("failures", counted.failures)
            .with("locked_until", until)
            .insert(tx, &self.metrics, now)
            .await
    }

    /// A hash with today's cost. Not worth failing a login for: the next one tries again.
    async fn rehash(&self, password: &Secret) -> Option<String> {
        self.hasher
            .hash(password)
            .await
            .inspect_err(|error| tracing::debug!(%error, "no rehash this time"))
            .ok()
    }

    /// What follows for a user whose password was right a moment ago; `None` when it no longer is.
    async fn admit(
        &self,
        seen: &User,
        device_name: Option<&str>,
        device: Option<Uuid>,
        new_hash: Option<String>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Option<Login>, LoginError> {
        let tx = self.postgres.transaction("login").await?;
        // Again, under the lock: the password may have been changed, the account locked or deleted, while we hashed.
        let user = users::find_for_update(&tx, seen.id).await?;
        let same = |user: &User| {
            user.deleted_at.is_none()
                && !lock::keeps_out(user, device.is_some(), &self.settings.lockout, now)
                && user.password_hash == seen.password_hash
        };
        let Some(mut user) = user.filter(same) else {
            return Ok(None);
        };

        if let (Some(old), Some(new)) = (&user.password_hash, new_hash) {
            users::rehash_password(&tx, user.id, old, &new).await?;
            AuditRecord::by(user.id, Event::PasswordRehashed, origin)
                .insert(&tx, &self.metrics, now)
                .await?;
            self.metrics.password_rehash.inc();
            user.password_hash = Some(new);
        }
        if let Some((error, reason)) = self.refusal(&user) {
            AuditRecord::to(Some(user.id), Event::LoginFailed, origin)
                .failed()
                .with("reason", reason)
                .insert(&tx, &self.metrics, now)
                .await?;
            tx.commit().await?;
            return Err(error);
        }
        if let Some(methods) = self.methods(&tx, &user).await? {
            tx.commit().await?;
            let challenge = self.challenge(&user, methods, device_name, device, now);
            return Ok(Some(Login::SecondFactor(challenge)));
        }
        let opening = Opening {
            device_name,
            device,
            amr: &["pwd"],
            second_factor: None,
        };
        let signed_in = self.open_session(tx, &user, opening, origin, now).await?;
        Ok(Some(Login::SignedIn(signed_in)))
    }

    /// What keeps somebody out who knows the password, and the word for it in the audit log. Only they are told.
    pub(crate) fn refusal(&self, user: &User) -> Option<(LoginError, &'static str)> {
        if user.password_reset_required_at.is_some() {
            return Some((LoginError::PasswordResetRequired, "password_reset_required"));
        }
        if self.settings.email.verification == Verification::Required && user.email_verified_at.is_none() {
            return Some((LoginError::EmailUnverified, "email_unverified"));
        }
        None
    }
}

/// Where the tries for an account are counted: one place for its address and its username, or each would give a guesser as
/// many.
pub(crate) fn account_key(user: &User) -> String {
    format!("id:{}", user.id)
}

/// The same for a name that nobody has. It is as much work, and no name can be spelled so that it counts for an account.
fn name_key(identifier: &Identifier) -> String {
    format!("name:{}", identifier.text())
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
