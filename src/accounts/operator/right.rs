//! The names of roles and permissions.

/// The longest name, in characters.
pub(crate) const LONGEST: usize = 128;

/// Whether `name` can be one. Roles travel in a header, joined by commas: one with a comma in it would be two to the
/// application.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.chars().count())
        && !name.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',')
}
