//! The names of roles and permissions.

use crate::visible::is_hidden;

/// The longest name, in characters.
pub(crate) const LONGEST: usize = 128;

/// Whether a text is a valid role or permission. Roles are sent in a header, joined by commas: one with a comma would
/// be two for the application. With an invisible character it would look like another role.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.chars().count())
        && !name.chars().any(|c| is_hidden(c) || c.is_whitespace() || c == ',')
}
