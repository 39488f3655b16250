//! Signing in with a password, and what keeps guessing in bounds.

pub mod attempt;
pub mod devices;
pub mod limits;
pub mod lock;
pub mod reauthenticate;
pub mod stuffing;
