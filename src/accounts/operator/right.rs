//! The names of roles and permissions.

/// The longest name, in characters.
pub(crate) const LONGEST: usize = 128;

/// Whether a text is a valid role or permission. Roles are sent in a header, joined by commas: one with a comma would
/// be two for the application.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.chars().count())
        && !name.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',')
}
