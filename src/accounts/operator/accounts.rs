//! Creates accounts and sets passwords for an operator. The rules of what an operator may do are enforced here, so that
//! no endpoint can forget one.
//!
//! An operator with limited permissions must not be able to get more. So they cannot change an account with permissions
//! of Sidegate's own that they lack (an operator who can set an administrator's email address can reset the password),
//! cannot add or remove those permissions, and cannot change their own.

use std::sync::Arc;

use serde_json::Map;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::directory::Directory;
use crate::accounts::email::names::{self, Identifier};
use crate::accounts::error::Failure;
use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::{gone, held};
use crate::accounts::operator::rights;
use crate::accounts::password::hasher::Hasher;
use crate::accounts::password::new_password;
use crate::accounts::password::rules::Person;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::tokens::{Access, Proof};
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::users::{self, NewUser, User};
use crate::store::{id, reset_tokens};

/// An account to create.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// The address.
    pub email: &'a str,
    /// The username, if there is one.
    pub username: Option<&'a str>,
    /// The password.
    pub password: &'a Secret,
    /// Roles.
    pub roles: &'a [String],
    /// Permissions.
    pub permissions: &'a [String],
    /// Whether the email address counts as verified.
    pub email_verified: bool,
}

/// Creates accounts and sets passwords for an operator.
pub struct AccountAdmin {
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) access_tokens: Arc<AccessTokens>,
    pub(crate) settings: Arc<Settings>,
}

impl AccountAdmin {
    /// Creates an account.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn create(
        &self,
        wanted: NewAccount<'_>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        rights::check(wanted.roles, wanted.permissions)?;
        by.may_change(&[], wanted.permissions)?;
        let email = names::email(wanted.email).map_err(OperatorError::Email)?;
        let username = wanted.username.map(names::username).transpose();
        let username = username.map_err(OperatorError::Username)?;
        self.check_password(wanted.password, &email, username.as_deref())
            .await?;
        let hash = self.hasher.hash(wanted.password).await.map_err(Failure::from)?;
        let user = NewUser {
            id: id::new(now),
            email: &email,
            username: username.as_deref(),
            password_hash: Some(&hash),
            roles: wanted.roles,
            permissions: wanted.permissions,
            profile: &Map::new(),
            email_verified_at: wanted.email_verified.then_some(now),
        };
        let tx = self.postgres.transaction("user_create").await?;
        let user = users::create(&tx, &user, now).await?;
        by.audit(user.id, Event::UserCreated)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Finds an account by id, email address or username.
    ///
    /// # Errors
    /// When there is none.
    pub async fn lookup(&self, name: &str) -> Result<User, OperatorError> {
        let found = match name.parse::<Uuid>() {
            Ok(id) => users::find(&self.postgres, id).await?,
            Err(_) => self.directory.find(&Identifier::read(name)).await?,
        };
        found.ok_or_else(|| OperatorError::NotFound(name.to_owned()))
    }

    /// Sets a password and ends the sessions that were opened with the old one.
    ///
    /// # Errors
    /// When the password is not accepted.
    pub async fn set_password(
        &self,
        user: &User,
        password: &Secret,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), OperatorError> {
        self.check_password(password, &user.email, user.username.as_deref())
            .await?;
        let hash = self.hasher.hash(password).await.map_err(Failure::from)?;
        let tx = self.postgres.transaction("user_set_password").await?;
        let user = held(&tx, user.id, by).await?;
        let version = users::set_password(&tx, user.id, &hash, now).await?;
        let version = version.ok_or_else(|| gone(user.id))?;
        let entries = self
            .sessions
            .end_all(&tx, user.id, version, "password_change", now)
            .await?;
        // A password reset link that was sent before must not undo this.
        reset_tokens::use_all(&tx, user.id, now).await?;
        by.audit(user.id, Event::PasswordSet)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions
            .publish(&entries, entries.len() - 1, "password_change")
            .await;
        Ok(())
    }

    /// Issues an access token for a user, outside any session; it is recorded like a sign-in. For the command line
    /// only.
    ///
    /// # Errors
    /// When the account is deleted or locked, or there is no key.
    pub async fn mint(&self, user: &User, now: OffsetDateTime) -> Result<Access, OperatorError> {
        if user.deleted_at.is_some() || user.is_locked(now) {
            return Err(OperatorError::NotFound(user.email.clone()));
        }
        let proof = Proof {
            session_id: Uuid::new_v4(),
            auth_time: now,
            amr: &["operator".to_owned()],
        };
        let access = self.access_tokens.issue(user, proof, now).map_err(Failure::from)?;
        AuditRecord::to(Some(user.id), Event::LoginSucceeded, &Origin::default())
            .session(proof.session_id)
            .with("method", "operator")
            .insert(&self.postgres, &self.metrics, now)
            .await?;
        self.metrics
            .tokens_issued
            .with_label_values(&["access", "operator"])
            .inc();
        Ok(access)
    }

    async fn check_password(
        &self,
        password: &Secret,
        email: &str,
        username: Option<&str>,
    ) -> Result<(), OperatorError> {
        let person = Person {
            email,
            username,
            ..Person::default()
        };
        new_password::check(&self.hasher, password, person, &self.settings.password)
            .await
            .map_err(Failure::from)?
            .map_err(OperatorError::Password)
    }
}
