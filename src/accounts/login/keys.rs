//! The keys under which attempts for an account are counted.

use crate::accounts::email::names::Identifier;
use crate::store::users::User;

/// The key of an account: the same for its email address and its username, so that using both does not double the
/// attempts.
pub(crate) fn account_key(user: &User) -> String {
    format!("id:{}", user.id)
}

/// The key of an unknown name. It takes the same time, and no name has the key of an account.
pub(crate) fn name_key(identifier: &Identifier) -> String {
    format!("name:{}", identifier.text())
}
