//! Changes an account for an operator: all changes in one transaction, or none.

use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::names;
use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::{gone, held};
use crate::accounts::operator::rights::AccountRights;
use crate::accounts::profile;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::revoker::Revoker;
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::reset_tokens;
use crate::store::users::{self, User};

/// The changes. `None` means unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edit<'a> {
    /// The new email address, which is verified only if `email_verified` says so.
    pub email: Option<&'a str>,
    /// Whether the email address counts as verified.
    pub email_verified: Option<bool>,
    /// The new username; `Some(None)` removes it.
    pub username: Option<Option<&'a str>>,
    /// The complete new list of roles.
    pub roles: Option<&'a [String]>,
    /// The complete new list of permissions.
    pub permissions: Option<&'a [String]>,
    /// Members of the profile to set, or to remove with `null`.
    pub profile: Option<&'a Map<String, Value>>,
}

/// Changes accounts for an operator.
pub struct AccountEdits {
    pub(crate) postgres: Postgres,
    pub(crate) rights: Arc<AccountRights>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccountEdits {
    /// Changes an account. Access tokens issued before become outdated.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn edit(
        &self,
        user_id: Uuid,
        edit: Edit<'_>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        if let Some(profile) = edit.profile {
            profile::check_any(profile).map_err(OperatorError::Profile)?;
        }
        let tx = self.postgres.transaction("user_edit").await?;
        let before = held(&tx, user_id, by).await?;
        let user = self.edit_email(&tx, before.clone(), &edit, by, now).await?;
        let user = self.edit_profile(&tx, user, &edit, by, now).await?;
        let roles = edit.roles.map_or_else(|| user.roles.clone(), <[String]>::to_vec);
        let permissions = edit
            .permissions
            .map_or_else(|| user.permissions.clone(), <[String]>::to_vec);
        let mut user = self.rights.set(&tx, user, &roles, &permissions, by, now).await?;
        let changed = !says_the_same(&user, &before);
        // New rights outdate the tokens by themselves.
        if changed && user.token_version == before.token_version {
            user.token_version = users::outdate(&tx, user_id).await?.ok_or_else(|| gone(user_id))?;
        }
        let mut outdated = Vec::new();
        if changed {
            outdated = self
                .sessions
                .record_outdated(&tx, user_id, user.token_version, now)
                .await?;
        }
        tx.commit().await?;
        self.revoker.publish(&outdated).await;
        Ok(user)
    }

    async fn edit_email(
        &self,
        tx: &Transaction,
        user: User,
        edit: &Edit<'_>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        let email = edit.email.map(names::email).transpose().map_err(OperatorError::Email)?;
        let email = email.unwrap_or_else(|| user.email.clone());
        let moved = email != user.email;
        let verified_at = match edit.email_verified {
            Some(true) if moved => Some(now),
            Some(true) => user.email_verified_at.or(Some(now)),
            Some(false) => None,
            None => user.email_verified_at.filter(|_| !moved),
        };
        if !moved && verified_at == user.email_verified_at {
            return Ok(user);
        }
        let id = user.id;
        let user = users::set_email(tx, id, &email, verified_at)
            .await?
            .ok_or_else(|| gone(id))?;
        if moved {
            // Links that were sent to the previous email address must not work any more.
            reset_tokens::use_all(tx, id, now).await?;
        }
        let event = if moved {
            Event::EmailChanged
        } else {
            Event::EmailVerified
        };
        by.audit(id, event)
            .with("verified", verified_at.is_some())
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(user)
    }

    async fn edit_profile(
        &self,
        tx: &Transaction,
        user: User,
        edit: &Edit<'_>,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        let username = match edit.username {
            Some(Some(name)) => Some(names::username(name).map_err(OperatorError::Username)?),
            Some(None) => None,
            None => user.username.clone(),
        };
        let merged = profile::merge(user.profile.clone(), edit.profile);
        profile::check_size(&merged).map_err(OperatorError::Profile)?;
        if username == user.username && merged == user.profile {
            return Ok(user);
        }
        let id = user.id;
        // Only the names of the members: values of a profile do not belong into a log.
        let members = edit
            .profile
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect::<Vec<_>>();
        let renamed = username != user.username;
        let user = users::set_profile(tx, id, username.as_deref(), &merged)
            .await?
            .ok_or_else(|| gone(id))?;
        by.audit(id, Event::ProfileChanged)
            .with("members", members)
            .with("username", renamed)
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(user)
    }
}

/// Whether tokens of both have the same claims.
fn says_the_same(one: &User, other: &User) -> bool {
    one.email == other.email
        && one.email_verified_at.is_some() == other.email_verified_at.is_some()
        && one.username == other.username
        && one.roles == other.roles
        && one.permissions == other.permissions
        && one.profile == other.profile
}
