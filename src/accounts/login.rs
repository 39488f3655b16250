//! Signing in with a password, and what keeps guessing in bounds.

pub mod attempt;
pub mod devices;
pub mod error;
pub mod failures;
pub mod keys;
pub mod limits;
pub mod lock;
pub mod reauthenticate;
pub mod refusal;
pub mod stuffing;
