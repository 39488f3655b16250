//! What an operator does to accounts. `None` as an actor in the audit log is the command line.

use serde_json::Map;
use time::OffsetDateTime;
use uuid::Uuid;

use super::names::{self, Identifier, NameError};
use super::origin::Happening;
use super::password::Weakness;
use super::password::rules::{self, Person};
use super::tokens::{Access, Proof};
use super::{Accounts, Failure, Origin};
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::users::{self, NewUser, User};
use crate::store::{StoreError, id, sessions};

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

/// Rights to give and to take away.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Roles to give.
    pub roles: Vec<String>,
    /// Permissions to give.
    pub permissions: Vec<String>,
    /// Roles to take away.
    pub without_roles: Vec<String>,
    /// Permissions to take away.
    pub without_permissions: Vec<String>,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address or username is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another account has the address.
    #[error("there is an account with this address already")]
    EmailTaken,
    /// Another account has the username.
    #[error("there is an account with this username already")]
    UsernameTaken,
    /// The password is not accepted.
    #[error("{0}")]
    Password(Weakness),
    /// No such account.
    #[error("there is no account `{0}`")]
    NotFound(String),
    /// Not the operator's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Accounts {
    /// Creates an account.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn create(&self, wanted: NewAccount<'_>, now: OffsetDateTime) -> Result<User, OperatorError> {
        let email = names::email(wanted.email)?;
        let username = wanted.username.map(names::username).transpose()?;
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
        let user = users::create(&tx, &user, now).await.map_err(|error| {
            if error.is_constraint(users::EMAIL_IS_TAKEN) {
                OperatorError::EmailTaken
            } else if error.is_constraint(users::USERNAME_IS_TAKEN) {
                OperatorError::UsernameTaken
            } else {
                error.into()
            }
        })?;
        Happening::to(Some(user.id), Event::UserCreated, &Origin::default())
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

    /// Locks an account, until an instant or until it is unlocked, and ends its sessions.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn lock(
        &self,
        user: &User,
        until: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<(), OperatorError> {
        let tx = self.postgres.transaction("user_lock").await?;
        let entries = self.end_all(&tx, user.id, "locked", now).await?;
        users::lock(&tx, user.id, until, now).await?;
        Happening::to(Some(user.id), Event::UserLocked, &Origin::default())
            .with("until", until.map(OffsetDateTime::unix_timestamp))
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "admin").await;
        Ok(())
    }

    /// Unlocks an account, whoever locked it.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn unlock(&self, user: &User, now: OffsetDateTime) -> Result<(), OperatorError> {
        let tx = self.postgres.transaction("user_unlock").await?;
        users::unlock(&tx, user.id).await?;
        Happening::to(Some(user.id), Event::UserUnlocked, &Origin::default())
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets a password and ends the sessions that were opened with the old one.
    ///
    /// # Errors
    /// When the password is not accepted.
    pub async fn set_password(&self, user: &User, password: &Secret, now: OffsetDateTime) -> Result<(), OperatorError> {
        self.check_password(password, &user.email, user.username.as_deref())?;
        let hash = self.hasher.hash(password).await.map_err(Failure::from)?;
        let tx = self.postgres.transaction("user_set_password").await?;
        let entries = self.end_all(&tx, user.id, "password_change", now).await?;
        users::set_password(&tx, user.id, &hash, now).await?;
        Happening::to(Some(user.id), Event::PasswordSet, &Origin::default())
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, entries.len() - 1, "password_change").await;
        Ok(())
    }

    /// Gives and takes rights. Running access tokens are outdated, so that clients refresh and carry the new rights.
    ///
    /// # Errors
    /// When the account is gone.
    pub async fn grant(&self, user: &User, grant: &Grant, now: OffsetDateTime) -> Result<User, OperatorError> {
        let tx = self.postgres.transaction("user_grant").await?;
        let gone = || OperatorError::NotFound(user.id.to_string());
        let mut user = users::find_for_update(&tx, user.id)
            .await?
            .filter(|u| u.deleted_at.is_none())
            .ok_or_else(gone)?;
        let roles = changed(&user.roles, &grant.roles, &grant.without_roles);
        let permissions = changed(&user.permissions, &grant.permissions, &grant.without_permissions);
        let mut outdated = false;
        if roles != user.roles {
            user = users::set_roles(&tx, user.id, &roles, now).await?.ok_or_else(gone)?;
            Happening::to(Some(user.id), Event::RolesChanged, &Origin::default())
                .with("roles", roles)
                .insert(&tx, &self.metrics, now)
                .await?;
            outdated = true;
        }
        if permissions != user.permissions {
            user = users::set_permissions(&tx, user.id, &permissions, now)
                .await?
                .ok_or_else(gone)?;
            Happening::to(Some(user.id), Event::PermissionsChanged, &Origin::default())
                .with("permissions", permissions)
                .insert(&tx, &self.metrics, now)
                .await?;
            outdated = true;
        }
        tx.commit().await?;
        if outdated {
            self.revoker.revoke(&[self.user_outdated(user.id, now)]).await;
        }
        Ok(user)
    }

    /// Ends all sessions of a user; returns how many were open.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn revoke_sessions(&self, user: &User, now: OffsetDateTime) -> Result<usize, OperatorError> {
        let tx = self.postgres.transaction("user_revoke_sessions").await?;
        let entries = self.end_all(&tx, user.id, "admin", now).await?;
        users::set_tokens_valid_after(&tx, user.id, now).await?;
        let ended = entries.len() - 1;
        Happening::to(Some(user.id), Event::SessionsRevoked, &Origin::default())
            .with("sessions", ended)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&entries, ended, "admin").await;
        Ok(ended)
    }

    /// Ends one session, whosever it is; `false` when it is not open.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn revoke_session(&self, session_id: Uuid, now: OffsetDateTime) -> Result<bool, OperatorError> {
        let Some(session) = sessions::find(&self.postgres, session_id, now).await? else {
            return Ok(false);
        };
        let tx = self.postgres.transaction("session_revoke").await?;
        let ended = sessions::revoke(&tx, session.user_id, sessions::Scope::This(session_id), "admin", now).await?;
        Happening::to(Some(session.user_id), Event::SessionRevoked, &Origin::default())
            .session(session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.publish(&[self.session_ended(session_id, now)], ended.len(), "admin")
            .await;
        Ok(!ended.is_empty())
    }

    /// Makes an access token for a user, outside any session; it is written down like a login.
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
        Happening::to(Some(user.id), Event::LoginSucceeded, &Origin::default())
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

    fn check_password(&self, password: &Secret, email: &str, username: Option<&str>) -> Result<(), OperatorError> {
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

fn changed(have: &[String], give: &[String], take: &[String]) -> Vec<String> {
    let mut result = have
        .iter()
        .chain(give)
        .filter(|right| !take.contains(right))
        .cloned()
        .collect::<Vec<_>>();
    result.sort();
    result.dedup();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_given_once_and_taken_for_good() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(changed(&list(&["b"]), &list(&["a", "b"]), &[]), list(&["a", "b"]));
        assert_eq!(
            changed(&list(&["a", "b"]), &list(&["c"]), &list(&["a", "c"])),
            list(&["b"])
        );
    }
}
