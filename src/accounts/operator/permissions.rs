//! The permissions that Sidegate itself gives a meaning.

/// Everything, the permissions of Sidegate's own included.
pub(crate) const ADMIN: &str = "sidegate:admin";
/// How the permissions of Sidegate's own begin.
pub(crate) const OURS: &str = "sidegate:";
