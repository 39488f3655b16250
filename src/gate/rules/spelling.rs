//! Spellings of a path that a route may tolerate.

/// Spellings which some applications need and others misread. Refused unless the route allows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unusual {
    /// `%2F`.
    pub encoded_slash: bool,
    /// `;` or `%3B`.
    pub semicolon: bool,
    /// `//`.
    pub double_slash: bool,
}
