//! What operators do to the accounts of others, over the admin API and at the command line.

pub mod accounts;
pub mod edit;
pub mod rights;
pub mod sessions;
pub mod standing;
