//! Why an address or a username is not accepted.

/// Why a name is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `local@domain`.
    #[error("this is not an email address")]
    NotAnAddress,
    /// Not a username.
    #[error("a username has 1 to 64 letters, digits, dots, dashes, underscores or plus signs, and no @")]
    NotAUsername,
    /// Made to be taken for another.
    #[error("this mixes alphabets, or has letters that are taken for others")]
    Deceptive,
}
