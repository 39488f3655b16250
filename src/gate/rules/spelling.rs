//! Ambiguous path spellings that a route can allow.

/// Spellings that some applications need and others interpret differently. Refused unless the route allows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unusual {
    /// `%2F`.
    pub encoded_slash: bool,
    /// `;` or `%3B`.
    pub semicolon: bool,
    /// `//`.
    pub double_slash: bool,
}
