//! Registration of an account.
//!
//! The response is the same whether the email address is taken or not, and takes the same time, so that it does not
//! reveal whether there is an account. The owner of an existing account is notified by email.
//!
//! An invitation verifies the email address; otherwise a code is sent. If Redis, which stores codes, is unreachable,
//! the account is created all the same, and the user requests a code later.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::accounts::email::codes::{self, Codes, Purpose};
use crate::accounts::email::names::{self, NameError};
use crate::accounts::email::request;
use crate::accounts::error::Failure;
use crate::accounts::login::limits::windows::{Limits, RateLimited, Window};
use crate::accounts::password::hasher::Hasher;
use crate::accounts::password::new_password;
use crate::accounts::password::retry::{self, RepeatedRequests};
use crate::accounts::password::rules::{Person, Weakness};
use crate::accounts::profile::{self, ProfileError};
use crate::accounts::registration::domains::may_register;
use crate::accounts::registration::invitations::Invitations;
use crate::accounts::settings::{RegistrationMode, Settings};
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::invitations::{self, Invitation};
use crate::store::postgres::Postgres;
use crate::store::users::{self, NewUser, User};
use crate::store::{StoreError, id};

/// A registration.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The address.
    pub email: &'a str,
    /// The username, if there is one.
    pub username: Option<&'a str>,
    /// The password.
    pub password: &'a Secret,
    /// The profile, which users edit themselves.
    pub profile: &'a Map<String, Value>,
    /// The token of an invitation, if there is one.
    pub invitation: Option<&'a Secret>,
}

/// Why a registration was refused. That the email address is taken is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// Registration is closed.
    #[error("registration is closed")]
    Closed,
    /// Registration requires an invitation.
    #[error("registration needs an invitation")]
    NotInvited,
    /// The invitation was used, has expired, was withdrawn, is for another email address, or is unknown.
    #[error("the invitation is not valid for this email address")]
    InvitationInvalid,
    /// The domain is not in `auth.registration.domains`.
    #[error("email addresses of this domain cannot register (auth.registration.domains)")]
    DomainNotAllowed,
    /// The email address is not valid.
    #[error(transparent)]
    Email(NameError),
    /// The username is not valid.
    #[error(transparent)]
    Username(NameError),
    /// Somebody else has the username.
    #[error("the username is taken by another account")]
    UsernameTaken,
    /// The password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// The profile is not accepted.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Too many registrations from this client IP.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
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

/// Registers accounts.
pub struct Registrations {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) invitations: Arc<Invitations>,
    pub(crate) postgres: Postgres,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) repeated_requests: Arc<RepeatedRequests>,
    pub(crate) codes: Arc<Codes>,
}

impl Registrations {
    /// Creates an account, or does the same work if the email address is taken.
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
        match (self.settings.registration.mode, wanted.invitation) {
            (RegistrationMode::Closed, _) => return Err(RegistrationError::Closed),
            (RegistrationMode::Invitation, None) => return Err(RegistrationError::NotInvited),
            _ => {}
        }
        let email = names::email(wanted.email).map_err(RegistrationError::Email)?;
        // Counted by email address too, so that many clients cannot flood the owner's mailbox.
        self.limits
            .take(Window::Registration, origin.address, Some(&email), now)
            .await?;
        let invitation = match wanted.invitation {
            Some(token) => match self.invitations.find(&email, token, now).await? {
                Some(invitation) => Some(invitation),
                None if self.is_registered_already(&email, token, wanted.password, now).await? => return Ok(false),
                None => return Err(RegistrationError::InvitationInvalid),
            },
            None => None,
        };
        // An invitation also decides about the domain.
        if invitation.is_none() && !may_register(&email, &self.settings.registration) {
            return Err(RegistrationError::DomainNotAllowed);
        }
        let username = wanted
            .username
            .map(names::username)
            .transpose()
            .map_err(RegistrationError::Username)?;
        let person = Person {
            email: &email,
            username: username.as_deref(),
            profile: Some(wanted.profile),
        };
        new_password::check(&self.hasher, wanted.password, person, &self.settings.password)
            .await
            .map_err(Failure::from)?
            .map_err(RegistrationError::Password)?;
        profile::check_own(wanted.profile, &self.settings.access_token.profile_claims)?;

        // Before the email address is checked: otherwise the refusal of a taken username would reveal that the email
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
            roles: invitation.as_ref().map_or(&[], |invitation| &invitation.roles),
            permissions: &[],
            profile: wanted.profile,
            email_verified_at: invitation.as_ref().map(|_| now),
        };
        match (
            self.insert_or_pretend(&user, invitation.as_ref(), wanted.invitation, origin, now)
                .await,
            wanted.invitation,
        ) {
            // A request with the same invitation was faster. If it was a retry of the same client, the account is there.
            (Err(RegistrationError::InvitationInvalid), Some(token))
                if self.is_registered_already(&email, token, wanted.password, now).await? =>
            {
                Ok(false)
            }
            (outcome, _) => outcome,
        }
    }

    /// `false` if the email address is taken, which only its owner and the audit log learn. In both cases one account
    /// is looked up, one code is created, one audit entry and one message are written.
    async fn insert_or_pretend(
        &self,
        user: &NewUser<'_>,
        invitation: Option<&Invitation>,
        token: Option<&Secret>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<bool, RegistrationError> {
        let welcome = match invitation {
            Some(_) => None,
            None => self.verification_message(user).await,
        };
        let tx = self.postgres.transaction("register").await?;
        let created = users::register(&tx, user, now).await.map_err(|error| {
            if error.is_constraint(users::USERNAME_IS_TAKEN) {
                RegistrationError::UsernameTaken
            } else {
                error.into()
            }
        })?;
        // Of simultaneous requests with one invitation, the others waited here for the first, which has used it. Its
        // owner must not get a notice that somebody else tried to register.
        if let (None, Some(token)) = (&created, token)
            && self.invitations.find(user.email, token, now).await?.is_none()
        {
            return Err(RegistrationError::InvitationInvalid);
        }
        // There is an account in both cases: the new one, or the owner's.
        let owner = users::find_by_email(&tx, user.email).await?;
        let owner_id = owner.as_ref().map(|owner| owner.id);
        let registered = AuditRecord {
            actor_id: created.as_ref().map(|user| user.id),
            ..AuditRecord::to(owner_id, Event::UserRegistered, origin)
        };
        let registered = match invitation {
            Some(invitation) => registered.with("invitation_id", invitation.id.to_string()),
            None => registered,
        };
        request::unless(created.is_some(), "email_taken", registered)
            .insert(&tx, &self.metrics, now)
            .await?;
        let (message, life) = match (&created, welcome) {
            (Some(_), welcome) => (welcome, Some(codes::LIFE)),
            (None, _) => (Some(Message::RegistrationAttempted), None),
        };
        if let (Some(owner), Some(message)) = (&owner, message) {
            let real = created.is_some() || !is_new(owner, now);
            self.mail
                .insert_or_pretend(&tx, real, Recipient::of(owner), message, life, now)
                .await?;
        }
        if let (Some(_), Some(invitation)) = (&created, invitation) {
            // Of two simultaneous requests with it, one finds it used, and creates no account.
            if !invitations::spend(&tx, invitation.id, now).await? {
                return Err(RegistrationError::InvitationInvalid);
            }
            invitations::revoke_of_email(&tx, user.email, now).await?;
        }
        tx.commit().await?;
        Ok(created.is_some())
    }

    /// Whether this is a retry of a registration with the same invitation and the same password.
    async fn is_registered_already(
        &self,
        email: &str,
        token: &Secret,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        if !self.invitations.used_a_moment_ago(email, token, now).await? {
            return Ok(false);
        }
        match users::find_by_email(&self.postgres, email).await? {
            Some(user) => self.repeated_requests.is_set_already(&user, password, now).await,
            None => Ok(false),
        }
    }

    /// The message with a code; `None` if Redis cannot store the code: then the user requests one later.
    async fn verification_message(&self, user: &NewUser<'_>) -> Option<Message> {
        let code = self.codes.create(Purpose::EmailVerification, user.id, user.email).await;
        let code = code
            .inspect_err(|error| tracing::warn!(%error, "a registration was completed without a verification code"))
            .ok()?;
        Some(Message::EmailVerification {
            code: code.expose().to_owned(),
        })
    }
}

/// Whether the account was just registered and its email address is not verified yet. Then this is probably a retry of
/// the same client, and a notice that somebody else tried to register would be wrong.
fn is_new(owner: &User, now: OffsetDateTime) -> bool {
    owner.email_verified_at.is_none() && now - owner.created_at < retry::WITHIN
}
