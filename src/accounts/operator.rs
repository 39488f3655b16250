//! What operators do to the accounts of others, over the admin API and at the command line.

pub mod accounts;
pub mod actor;
pub mod edit;
pub mod error;
pub mod held;
pub mod permissions;
pub(crate) mod right;
pub mod rights;
pub mod sessions;
pub mod standing;
