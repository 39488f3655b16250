//! The account that an operator changes, locked for the transaction.

use uuid::Uuid;

use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::store::postgres::Transaction;
use crate::store::users::{self, User};

/// An account that exists and that the operator may change, locked until the transaction ends, so that the permission
/// check is still valid when the change is made.
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
