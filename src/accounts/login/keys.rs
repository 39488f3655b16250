//! Under which key the attempts for an account are counted.

use crate::accounts::email::names::Identifier;
use crate::store::users::User;

/// Where the tries for an account are counted: one place for its address and its username, or each would give a guesser as
/// many.
pub(crate) fn account_key(user: &User) -> String {
    format!("id:{}", user.id)
}

/// The same for a name that nobody has. It is as much work, and no name can be spelled so that it counts for an account.
pub(crate) fn name_key(identifier: &Identifier) -> String {
    format!("name:{}", identifier.text())
}
