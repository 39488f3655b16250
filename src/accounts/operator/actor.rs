//! The operator, and what the operator's permissions allow.

use uuid::Uuid;

use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::permissions::{ADMIN, OURS};
use crate::audit::{AuditRecord, Origin};
use crate::store::audit::Event;
use crate::store::users::User;

/// An operator. The default is the command line, which may do everything: its user has the secrets of the
/// configuration.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The operator's account.
    pub user_id: Option<Uuid>,
    /// The operator's permissions; `None` at the command line.
    pub permissions: Option<Vec<String>>,
    /// The origin of the request.
    pub origin: Origin,
}

impl Operator {
    pub(crate) fn is_admin(&self) -> bool {
        self.permissions
            .as_ref()
            .is_none_or(|permissions| permissions.iter().any(|permission| permission == ADMIN))
    }

    /// Refuses to change an account that has permissions of Sidegate's own which the operator lacks.
    pub(crate) fn may_touch(&self, user: &User) -> Result<(), OperatorError> {
        let held = self.permissions.as_deref().unwrap_or_default();
        let above = |permission: &String| permission.starts_with(OURS) && !held.contains(permission);
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
