//! Adds and removes roles and permissions.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::{gone, held};
use crate::accounts::operator::right;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::revoker::Revoker;
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::users::{self, User};

/// The most roles, and the most permissions: a token has to fit into a header.
const MOST: usize = 256;

/// The roles and permissions to add and remove.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Roles to add.
    pub roles: Vec<String>,
    /// Permissions to add.
    pub permissions: Vec<String>,
    /// Roles to remove.
    pub without_roles: Vec<String>,
    /// Permissions to remove.
    pub without_permissions: Vec<String>,
}

/// Adds and removes roles and permissions.
pub struct AccountRights {
    pub(crate) postgres: Postgres,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccountRights {
    /// Adds and removes roles and permissions. Access tokens issued before become outdated, so that clients refresh.
    ///
    /// # Errors
    /// When the account is gone, or the operator may not.
    pub async fn grant(
        &self,
        user: &User,
        grant: &Grant,
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        let tx = self.postgres.transaction("user_grant").await?;
        let user = held(&tx, user.id, by).await?;
        let roles = changed(&user.roles, &grant.roles, &grant.without_roles);
        let permissions = changed(&user.permissions, &grant.permissions, &grant.without_permissions);
        let before = user.token_version;
        let user = self.set(&tx, user, &roles, &permissions, by, now).await?;
        let mut outdated = Vec::new();
        if user.token_version != before {
            outdated = self
                .sessions
                .record_outdated(&tx, user.id, user.token_version, now)
                .await?;
        }
        tx.commit().await?;
        self.revoker.publish(&outdated).await;
        Ok(user)
    }

    /// Sets roles and permissions inside a transaction that has locked the account. If they changed, returns the new
    /// `token_version`, which the caller publishes after the commit.
    pub(crate) async fn set(
        &self,
        tx: &Transaction,
        mut user: User,
        roles: &[String],
        permissions: &[String],
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<User, OperatorError> {
        let (roles, permissions) = (changed(roles, &[], &[]), changed(permissions, &[], &[]));
        if roles == user.roles && permissions == user.permissions {
            return Ok(user);
        }
        check(&roles, &permissions)?;
        by.may_set_rights(&user, &permissions)?;
        if roles != user.roles {
            let id = user.id;
            user = users::set_roles(tx, id, &roles).await?.ok_or_else(|| gone(id))?;
            by.audit(id, Event::RolesChanged)
                .with("roles", roles)
                .insert(tx, &self.metrics, now)
                .await?;
        }
        if permissions != user.permissions {
            let id = user.id;
            user = users::set_permissions(tx, id, &permissions)
                .await?
                .ok_or_else(|| gone(id))?;
            by.audit(id, Event::PermissionsChanged)
                .with("permissions", permissions)
                .insert(tx, &self.metrics, now)
                .await?;
        }
        Ok(user)
    }
}

/// Checks the names and the number of roles and permissions.
pub(in crate::accounts) fn check(roles: &[String], permissions: &[String]) -> Result<(), OperatorError> {
    for (kind, words) in [("roles", roles), ("permissions", permissions)] {
        if words.len() > MOST || !words.iter().all(|word| right::is_name(word)) {
            return Err(OperatorError::Word(kind));
        }
    }
    Ok(())
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
    use uuid::Uuid;

    use super::*;
    use crate::audit::Origin;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn rights_are_given_once_and_taken_for_good() {
        assert_eq!(changed(&list(&["b"]), &list(&["a", "b"]), &[]), list(&["a", "b"]));
        assert_eq!(
            changed(&list(&["a", "b"]), &list(&["c"]), &list(&["a", "c"])),
            list(&["b"])
        );
    }

    #[test]
    fn a_role_is_one_element_of_the_header() {
        assert!(check(&list(&["staff", "Betreuer-ä"]), &list(&["orders:read"])).is_ok());
        for wrong in [
            "",
            "a,b",
            "a b",
            "a\n",
            "ad\u{200b}min",
            "\u{202e}nimda",
            &"x".repeat(129),
        ] {
            assert!(check(&list(&[wrong]), &[]).is_err(), "{wrong:?}");
            assert!(check(&[], &list(&[wrong])).is_err(), "{wrong:?}");
        }
        assert!(check(&vec!["a".to_owned(); 257], &[]).is_err());
    }

    #[test]
    fn only_an_administrator_in_full_gives_and_takes_permissions_of_our_own() {
        let of = |permissions: &[&str]| Operator::with_permissions(Uuid::nil(), list(permissions), Origin::default());
        let (limited, full) = (of(&["sidegate:users:write"]), of(&["sidegate:admin"]));
        let (less, more) = (list(&["x"]), list(&["sidegate:stats:read", "x"]));
        for (from, to) in [(&less, &more), (&more, &less)] {
            assert!(matches!(
                limited.may_change(from, to),
                Err(OperatorError::AdminRequired)
            ));
            assert!(full.may_change(from, to).is_ok());
            assert!(Operator::command_line().may_change(from, to).is_ok());
            assert!(of(&[]).may_change(from, to).is_err(), "an operator without permissions");
        }
        assert!(limited.may_change(&list(&["x"]), &list(&["y"])).is_ok());
    }
}
