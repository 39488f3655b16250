//! Sign-in with an email address or username, and a password.
//!
//! Whatever is wrong (no such account, wrong password, locked), the response is the same after the same work: it does
//! not reveal whether there is an account, or that too many attempts have locked it. The audit log and the metrics have
//! the reason.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::directory::Directory;
use crate::accounts::email::names::Identifier;
use crate::accounts::error::Failure;
use crate::accounts::login::devices::Devices;
use crate::accounts::login::error::LoginError;
use crate::accounts::login::failures::{Failures, Wrong};
use crate::accounts::login::keys::{account_key, name_key};
use crate::accounts::login::limits::{Limiter, address_key};
use crate::accounts::login::lock;
use crate::accounts::login::refusal::refusal;
use crate::accounts::login::stuffing::Stuffing;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::token::{self, Challenge};
use crate::accounts::password::hasher::Hasher;
use crate::accounts::sessions::open::{Opening, SessionOpener, SignedIn};
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};

/// A sign-in attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The email address or username.
    pub login: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// The name of the device, chosen by the user.
    pub device_name: Option<&'a str>,
    /// The device token of the last sign-in on the device.
    pub device_token: Option<&'a Secret>,
}

/// The outcome of a correct password.
#[derive(Debug)]
pub enum Login {
    /// A session.
    SignedIn(SignedIn),
    /// A second factor is required.
    SecondFactor(Challenge),
}

/// Signs users in with a password.
pub struct PasswordLogin {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) stuffing: Arc<Stuffing>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) postgres: Postgres,
    pub(crate) factors: Arc<Factors>,
    pub(crate) opener: Arc<SessionOpener>,
}

impl PasswordLogin {
    /// Signs a user in, or requires a second factor.
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
        let user = self
            .directory
            .find(&identifier)
            .await
            .map_err(|error| plain(error.into()))?;
        let device = self.devices.find(attempt.device_token, user.as_ref(), now).await;
        if device.is_none() {
            self.limit_account(&identifier, user.as_ref(), now)
                .await
                .map_err(plain)?;
        }

        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        // The password of a locked account is verified too, to take the same time; the result is ignored.
        let verified = self
            .hasher
            .verify(attempt.password, hash)
            .await
            .map_err(|e| plain(Failure::from(e).into()))?;

        let wrong = match &user {
            Some(user) if lock::keeps_out(user, device.is_some(), now) => Some(Wrong::Locked),
            Some(user) if user.password_hash.is_some() && verified.matches => None,
            Some(_) => Some(Wrong::Password),
            None => Some(Wrong::Unknown),
        };
        let admitted = match (&user, wrong) {
            (Some(user), None) => {
                let new_hash = if verified.outdated {
                    self.rehash(attempt.password).await
                } else {
                    None
                };
                self.admit(user, attempt.device_name, device, new_hash, origin, now)
                    .await
                    .map_err(plain)?
            }
            (_, wrong) => Err(wrong.unwrap_or(Wrong::Unknown)),
        };
        match admitted {
            Ok(login) => Ok(login),
            Err(wrong) => {
                self.failures
                    .record(user.as_ref(), device, wrong, origin, now)
                    .await
                    .map_err(|error| plain(error.into()))?;
                self.stuffing
                    .note_failure(origin.address, identifier.text(), wrong.as_str())
                    .await;
                Err((LoginError::BadCredentials, Some(wrong)))
            }
        }
    }

    /// Both limits count every attempt, successful or not: counting only failures would need the result first, which
    /// costs a password hash.
    pub(crate) async fn limit_address(&self, origin: &Origin, now: OffsetDateTime) -> Result<(), LoginError> {
        let limit = &self.settings.login_limit;
        let Some(address) = origin.address else { return Ok(()) };
        let key = address_key(address);
        self.take("login_address", &key, limit.per_address, limit.window, now)
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
        self.take("login_account", &key, limit.per_account, limit.window, now)
            .await
    }

    async fn take(
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

    /// A hash with the current parameters. A failure is ignored, and the next sign-in tries again.
    async fn rehash(&self, password: &Secret) -> Option<String> {
        self.hasher
            .hash(password)
            .await
            .inspect_err(|error| tracing::debug!(%error, "the password was not rehashed"))
            .ok()
    }

    /// Continues for a user whose password was correct, or says what is wrong meanwhile.
    async fn admit(
        &self,
        seen: &User,
        device_name: Option<&str>,
        device: Option<Uuid>,
        new_hash: Option<String>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Result<Login, Wrong>, LoginError> {
        let tx = self.postgres.transaction("login").await?;
        // Checked again under the lock: the password may have been changed, and the account locked or deleted, during
        // hashing.
        let user = users::find_for_update(&tx, seen.id).await?;
        let Some(mut user) = user.filter(|user| user.deleted_at.is_none()) else {
            return Ok(Err(Wrong::Unknown));
        };
        if lock::keeps_out(&user, device.is_some(), now) {
            return Ok(Err(Wrong::Locked));
        }
        if !user.has_same_password_as(seen) {
            return Ok(Err(Wrong::PasswordChanged));
        }

        // Of concurrent sign-ins with an outdated hash, the first replaces it.
        let new_hash = new_hash.filter(|_| user.password_hash == seen.password_hash);
        if let (Some(old), Some(new)) = (&user.password_hash, new_hash) {
            users::rehash_password(&tx, user.id, old, &new).await?;
            AuditRecord::by(user.id, Event::PasswordRehashed, origin)
                .insert(&tx, &self.metrics, now)
                .await?;
            self.metrics.password_rehash.inc();
            user.password_hash = Some(new);
        }
        if let Some((error, reason)) = refusal(&user, &self.settings) {
            AuditRecord::to(Some(user.id), Event::LoginFailed, origin)
                .failed()
                .with("reason", reason)
                .insert(&tx, &self.metrics, now)
                .await?;
            tx.commit().await?;
            return Err(error);
        }
        if let Some(methods) = self.factors.methods(&tx, &user).await? {
            tx.commit().await?;
            let challenge = token::challenge(&self.settings.secrets, &user, methods, device_name, device, now);
            return Ok(Ok(Login::SecondFactor(challenge)));
        }
        let opening = Opening {
            session_id: Uuid::new_v4(),
            device_name,
            device,
            amr: &["pwd"],
            second_factor: None,
        };
        let signed_in = self.opener.open(tx, &user, opening, origin, now).await?;
        Ok(Ok(Login::SignedIn(signed_in)))
    }
}
