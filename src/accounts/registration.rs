//! How accounts come to be: by registration, by invitation, by import.

pub mod domains;
pub mod import;
pub mod invitations;
pub mod register;
