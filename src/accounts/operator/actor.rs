//! The operator, and what the operator's permissions allow.

use uuid::Uuid;

use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::permissions::{ADMIN, OURS};
use crate::audit::{AuditRecord, Origin};
use crate::store::audit::Event;
use crate::store::users::User;

/// An operator. There is no default: an operator who may do everything is created in one place, by name.
#[derive(Debug, Clone)]
pub struct Operator {
    user_id: Option<Uuid>,
    authority: Authority,
    origin: Origin,
}

/// What an operator may do.
#[derive(Debug, Clone)]
enum Authority {
    /// Everything: the user of the command line has the secrets of the configuration.
    CommandLine,
    /// What these permissions allow.
    Permissions(Vec<String>),
}

impl Operator {
    /// The user of the command line, who may do everything and has no account.
    pub fn command_line() -> Self {
        Self {
            user_id: None,
            authority: Authority::CommandLine,
            origin: Origin::default(),
        }
    }

    /// An account with these permissions.
    pub const fn with_permissions(user_id: Uuid, permissions: Vec<String>, origin: Origin) -> Self {
        Self {
            user_id: Some(user_id),
            authority: Authority::Permissions(permissions),
            origin,
        }
    }

    /// The operator's account; `None` at the command line.
    pub(crate) const fn user_id(&self) -> Option<Uuid> {
        self.user_id
    }

    /// The origin of the request.
    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn is_admin(&self) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Permissions(held) => held.iter().any(|permission| permission == ADMIN),
        }
    }

    fn holds(&self, permission: &String) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Permissions(held) => held.contains(permission),
        }
    }

    /// Refuses to change an account that has permissions of Sidegate's own which the operator lacks.
    pub(crate) fn may_touch(&self, user: &User) -> Result<(), OperatorError> {
        let above = |permission: &String| permission.starts_with(OURS) && !self.holds(permission);
        if self.is_admin() || !user.permissions.iter().any(above) {
            Ok(())
        } else {
            Err(OperatorError::AdminRequired)
        }
    }

    /// Refuses operations that operators must not do to their own account.
    pub(crate) fn not_oneself(&self, user: &User) -> Result<(), OperatorError> {
        if self.user_id == Some(user.id) {
            Err(OperatorError::OwnAccount)
        } else {
            Ok(())
        }
    }

    /// Refuses to change permissions of Sidegate's own without `sidegate:admin`.
    pub(crate) fn may_change(&self, from: &[String], to: &[String]) -> Result<(), OperatorError> {
        let changed = |a: &[String], b: &[String]| a.iter().any(|word| word.starts_with(OURS) && !b.contains(word));
        if self.is_admin() || !(changed(from, to) || changed(to, from)) {
            Ok(())
        } else {
            Err(OperatorError::AdminRequired)
        }
    }

    /// Refuses to change the operator's own permissions: neither more, nor the loss of the last administrator.
    pub(crate) fn may_set_rights(&self, user: &User, permissions: &[String]) -> Result<(), OperatorError> {
        self.may_change(&user.permissions, permissions)?;
        let stays = !self.is_admin() || permissions.iter().any(|permission| permission == ADMIN);
        if self.user_id == Some(user.id) && !(self.is_admin() && stays) {
            return Err(OperatorError::OwnAccount);
        }
        Ok(())
    }

    /// An audit entry of what this operator did with an account.
    pub(crate) fn audit(&self, user_id: Uuid, event: Event) -> AuditRecord<'_> {
        AuditRecord {
            actor_id: self.user_id,
            ..AuditRecord::to(Some(user_id), event, &self.origin)
        }
    }
}
