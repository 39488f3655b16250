//! The error of a delivery.

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// A retry may succeed.
    Later(String),
    /// A retry cannot succeed.
    Never(String),
}
