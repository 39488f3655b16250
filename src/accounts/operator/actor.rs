//! Who acts on the accounts of others, and what their permissions allow.

use uuid::Uuid;

use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::permissions::{ADMIN, OURS};
use crate::audit::{AuditRecord, Origin};
use crate::store::audit::Event;
use crate::store::users::User;

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

    /// Refuses a change of Sidegate's own permissions to whoever is not an administrator in full.
    pub(crate) fn may_change(&self, from: &[String], to: &[String]) -> Result<(), OperatorError> {
        let changed = |a: &[String], b: &[String]| a.iter().any(|word| word.starts_with(OURS) && !b.contains(word));
        if self.is_admin() || !(changed(from, to) || changed(to, from)) {
            Ok(())
        } else {
            Err(OperatorError::AdminRequired)
        }
    }

    /// Refuses to raise oneself, and to put oneself out of office: the last administrator would be missed.
    pub(crate) fn may_set_rights(&self, user: &User, permissions: &[String]) -> Result<(), OperatorError> {
        self.may_change(&user.permissions, permissions)?;
        let stays = !self.is_admin() || permissions.iter().any(|permission| permission == ADMIN);
        if self.user_id == Some(user.id) && !(self.is_admin() && stays) {
            return Err(OperatorError::OwnAccount);
        }
        Ok(())
    }

    /// An audit entry of what this operator did to an account.
    pub(crate) fn audit(&self, user_id: Uuid, event: Event) -> AuditRecord<'_> {
        AuditRecord {
            actor_id: self.user_id,
            ..AuditRecord::to(Some(user_id), event, &self.origin)
        }
    }
}
