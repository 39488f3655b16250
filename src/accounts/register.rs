//! Registration: somebody makes an account for themselves.
//!
//! The answer is the same whether the address was free or taken, and it takes as long: who registers with another's
//! address learns nothing of whether they have an account.

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::limits::{RateLimited, Window};
use super::names::{self, NameError};
use super::origin::Happening;
use super::password::Weakness;
use super::password::rules::{self, Person};
use super::profile::{self, ProfileError};
use super::settings::RegistrationMode;
use super::{Accounts, Failure, Letter, Origin, Recipient};
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::users::{self, NewUser};
use crate::store::{StoreError, id};

/// Letters to the owner of an address about those who try to register with it, in a window.
const LETTERS: u32 = 3;
/// That window.
const LETTERS_WINDOW: Duration = Duration::from_secs(3600);

/// What somebody who registers sends.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The address.
    pub email: &'a str,
    /// A second name to sign in with.
    pub username: Option<&'a str>,
    /// The password.
    pub password: &'a Secret,
    /// What the person says of themselves.
    pub profile: &'a Map<String, Value>,
}

/// Why there is no account. That the address is taken is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// Operators create accounts here.
    #[error("registration is closed")]
    Closed,
    /// The mail domain is not one that may register.
    #[error("this mail domain may not register here")]
    DomainNotAllowed,
    /// The address is none.
    #[error(transparent)]
    Email(NameError),
    /// The username is none.
    #[error(transparent)]
    Username(NameError),
    /// Somebody else has the username.
    #[error("this username is taken")]
    UsernameTaken,
    /// The password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// The profile is not accepted.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Too many registrations from this address.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<RateLimited> for RegistrationError {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited {
            retry_after: limited.retry_after,
        }
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Accounts {
    /// Creates an account, or pretends to when the address is taken.
    ///
    /// # Errors
    /// See [`RegistrationError`].
    pub async fn register(
        &self,
        wanted: Registration<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), RegistrationError> {
        let outcome = self.try_register(wanted, origin, now).await;
        let result = match &outcome {
            Ok(true) => "success",
            Ok(false) => "taken",
            Err(RegistrationError::Failure(_)) => "error",
            Err(RegistrationError::RateLimited { .. }) => "rate_limited",
            Err(_) => "refused",
        };
        self.metrics.registrations.with_label_values(&["created", result]).inc();
        outcome.map(drop)
    }

    async fn try_register(
        &self,
        wanted: Registration<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<bool, RegistrationError> {
        if self.settings.registration.mode == RegistrationMode::Closed {
            return Err(RegistrationError::Closed);
        }
        let email = names::email(wanted.email).map_err(RegistrationError::Email)?;
        // By the address that is to be registered too: a crowd of strangers must not fill its owner's mailbox.
        self.limit(Window::Registration, origin.address, Some(&email), now)
            .await?;
        let username = wanted
            .username
            .map(names::username)
            .transpose()
            .map_err(RegistrationError::Username)?;
        let domain = email.rsplit('@').next().unwrap_or_default();
        let domains = &self.settings.registration.domains;
        if !domains.is_empty() && !domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)) {
            return Err(RegistrationError::DomainNotAllowed);
        }
        let person = Person {
            email: &email,
            username: username.as_deref(),
        };
        rules::check(wanted.password.expose(), person, self.settings.password.min_length)
            .map_err(RegistrationError::Password)?;
        profile::check_own(wanted.profile, &self.settings.access_token.profile_claims)?;

        // Before the address is looked at: a taken username is said to everybody, or its being said would tell that the
        // address is free.
        if let Some(username) = &username
            && users::find_by_username(&self.postgres, username).await?.is_some()
        {
            return Err(RegistrationError::UsernameTaken);
        }
        let hash = self.hasher.hash(wanted.password).await.map_err(Failure::from)?;
        let user = NewUser {
            id: id::new(now),
            email: &email,
            username: username.as_deref(),
            password_hash: Some(&hash),
            roles: &[],
            permissions: &[],
            profile: wanted.profile,
            email_verified_at: None,
        };
        self.insert_or_pretend(&user, origin, now).await
    }

    /// `false`: the address is taken, which only the audit log learns.
    async fn insert_or_pretend(
        &self,
        user: &NewUser<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<bool, RegistrationError> {
        // A stranger who registers with one address again and again must not fill a mailbox. Asked whether or not the
        // address is taken: what only one of the two costs would tell them apart.
        let key = user.email.to_lowercase();
        let letters = self
            .limiter
            .take("registration_letter", &key, LETTERS, LETTERS_WINDOW, now)
            .await;
        let may_write = letters.allowed;
        let tx = self.postgres.transaction("register").await?;
        match users::create(&tx, user, now).await {
            Ok(created) => {
                Happening::by(created.id, Event::UserRegistered, origin)
                    .insert(&tx, &self.metrics, now)
                    .await?;
                tx.commit().await?;
                Ok(true)
            }
            Err(error) if error.is_constraint(users::USERNAME_IS_TAKEN) => Err(RegistrationError::UsernameTaken),
            Err(error) if error.is_constraint(users::EMAIL_IS_TAKEN) => {
                tx.rollback().await?;
                self.tell_owner(user.email, may_write, origin, now).await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The owner of an address that is taken learns by mail that somebody tried; who tried learns nothing.
    async fn tell_owner(
        &self,
        email: &str,
        may_write: bool,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let tx = self.postgres.transaction("register_taken").await?;
        let owner = users::find_by_email(&tx, email).await?;
        Happening::to(owner.as_ref().map(|owner| owner.id), Event::UserRegistered, origin)
            .failed()
            .with("reason", "email_taken")
            .insert(&tx, &self.metrics, now)
            .await?;
        if let Some(owner) = owner.filter(|_| may_write) {
            self.mail(&tx, Recipient::of(&owner), Letter::RegistrationAttempted, None, now)
                .await?;
        }
        tx.commit().await
    }
}
