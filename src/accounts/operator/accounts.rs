//! What operators do to accounts: at the command line, and over the admin API. The rules of who may do it to whom are
//! here, so that no endpoint can forget one.
//!
//! An administrator of limited permissions must not become one of more: they touch no account that has permissions of
//! Sidegate's own which they lack (whoever sets an administrator's address can have the password reset), give and take
//! none of those permissions, and do not set their own rights.

use serde_json::Map;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::names;
use crate::accounts::email::names::{Identifier, NameError};
use crate::accounts::operator::rights;
use crate::accounts::origin::AuditRecord;
use crate::accounts::password::Weakness;
use crate::accounts::password::rules;
use crate::accounts::password::rules::Person;
use crate::accounts::sessions::tokens::{Access, Proof};
use crate::accounts::{Accounts, Failure, Origin, ProfileError};
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Transaction;
use crate::store::users::{self, NewUser, User};
use crate::store::{StoreError, id, reset_tokens};

/// Everything, the permissions of Sidegate's own included.
pub(crate) const ADMIN: &str = "sidegate:admin";
/// How the permissions of Sidegate's own begin.
pub(crate) const OURS: &str = "sidegate:";

/// Who does it. The default is the command line, which may do everything: whoever runs it holds the configuration's
/// secrets.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The administrator.
    pub user_id: Option<Uuid>,
    /// Their permissions; `None` at the command line.
    pub permissions: Option<Vec<String>>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Operator {
    pub(crate) fn is_admin(&self) -> bool {
        self.permissions
            .as_ref()
            .is_none_or(|permissions| permissions.iter().any(|permission| permission == ADMIN))
    }

    /// Refuses an account that has more of Sidegate's own permissions.
    pub(crate) fn may_touch(&self, user: &User) -> Result<(), OperatorError> {
        let held = self.permissions.as_deref().unwrap_or_default();
        let above = |permission: &String| permission.starts_with(OURS) && !held.contains(permission);
        if self.is_admin() || !user.permissions.iter().any(above) {
            Ok(())
        } else {
            Err(OperatorError::AdminRequired)
        }
    }

    /// Refuses what an administrator would regret to have done to themselves.
    pub(crate) fn not_oneself(&self, user: &User) -> Result<(), OperatorError> {
        if self.user_id == Some(user.id) {
            Err(OperatorError::OwnAccount)
        } else {
            Ok(())
        }
    }
}

/// An account to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// The address.
    pub email: &'a str,
    /// A second name.
    pub username: Option<&'a str>,
    /// The password.
    pub password: &'a Secret,
    /// Roles.
    pub roles: &'a [String],
    /// Permissions.
    pub permissions: &'a [String],
    /// Whether the operator vouches for the address.
    pub email_verified: bool,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address is none.
    #[error(transparent)]
    Email(NameError),
    /// The username is none.
    #[error(transparent)]
    Username(NameError),
    /// Another account has the address.
    #[error("there is an account with this address already")]
    EmailTaken,
    /// Another account has the username.
    #[error("there is an account with this username already")]
    UsernameTaken,
    /// The password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// A role or a permission is none.
    #[error(
        "{0}: each is a word of 1 to 128 characters without spaces, commas and control characters, at most 256 of them"
    )]
    Word(&'static str),
    /// The profile is not accepted.
    #[error(transparent)]
    Profile(ProfileError),
    /// No such account.
    #[error("there is no account `{0}`")]
    NotFound(String),
    /// It is not deleted.
    #[error("the account is not deleted")]
    NotDeleted,
    /// It needs `sidegate:admin`.
    #[error("this needs the permission {ADMIN}")]
    AdminRequired,
    /// An administrator does not do this to themselves.
    #[error("this is your own account")]
    OwnAccount,
    /// Not the operator's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        if error.is_constraint(users::EMAIL_IS_TAKEN) {
            Self::EmailTaken
        } else if error.is_constraint(users::USERNAME_IS_TAKEN) {
            Self::UsernameTaken
        } else {
            Self::Failure(error.into())
        }
    }
}

impl Accounts {
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
        self.check_password(wanted.password, &email, username.as_deref())?;
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
        AuditRecord::of(by, user.id, Event::UserCreated)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Finds an account by id, address or username.
    ///
    /// # Errors
    /// When there is none.
    pub async fn lookup(&self, name: &str) -> Result<User, OperatorError> {
        let found = match name.parse::<Uuid>() {
            Ok(id) => users::find(&self.postgres, id).await?,
            Err(_) => self.find(&Identifier::read(name)).await?,
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
        self.check_password(password, &user.email, user.username.as_deref())?;
        let hash = self.hasher.hash(password).await.map_err(Failure::from)?;
        let tx = self.postgres.transaction("user_set_password").await?;
        let user = held(&tx, user.id, by).await?;
        let entries = self.end_all(&tx, user.id, "password_change", now).await?;
        users::set_password(&tx, user.id, &hash, now).await?;
        // Whoever reads the account's mail, and asked for a link before, must not undo this.
        reset_tokens::use_all(&tx, user.id, now).await?;
        AuditRecord::of(by, user.id, Event::PasswordSet)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "password_change").await;
        Ok(())
    }

    /// Makes an access token for a user, outside any session; it is written down like a login. At the command line only.
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
        let access = self.access(user, proof, now).map_err(Failure::from)?;
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

    pub(crate) fn check_password(
        &self,
        password: &Secret,
        email: &str,
        username: Option<&str>,
    ) -> Result<(), OperatorError> {
        rules::check(
            password.expose(),
            Person {
                email,
                username,
                ..Person::default()
            },
            &self.settings.password,
        )
        .map_err(OperatorError::Password)
    }
}

/// An account that exists and that the operator may touch, held until the transaction ends: what it may do, and who may
/// do it to whom, is then still true when it is done.
pub(crate) async fn held(tx: &Transaction, user_id: Uuid, by: &Operator) -> Result<User, OperatorError> {
    let user = users::find_for_update(tx, user_id)
        .await?
        .filter(|user| user.deleted_at.is_none())
        .ok_or_else(|| gone(user_id))?;
    by.may_touch(&user)?;
    Ok(user)
}

pub(crate) fn gone(user_id: Uuid) -> OperatorError {
    OperatorError::NotFound(user_id.to_string())
}
