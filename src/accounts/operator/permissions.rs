//! The permissions of Sidegate's own.

/// The permission that includes all others.
pub(crate) const ADMIN: &str = "sidegate:admin";
/// The prefix of permissions of Sidegate's own.
pub(crate) const OURS: &str = "sidegate:";
