//! Why a message did not go.

/// Whether it is worth another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// It may go later.
    Later(String),
    /// It never will.
    Never(String),
}
