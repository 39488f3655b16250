//! The error of an invalid email address or username.

/// Why an email address or username is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `local@domain`.
    #[error("not a valid email address")]
    NotAnAddress,
    /// Not a valid username.
    #[error("a username has 1 to 64 letters, digits, dots, dashes, underscores or plus signs, and no @")]
    NotAUsername,
    /// It imitates another name.
    #[error("the name mixes scripts, or has characters that imitate others")]
    Deceptive,
}
