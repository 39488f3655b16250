//! Sign-in with a password, and the protection against guessing.

pub mod attempt;
pub mod devices;
pub mod error;
pub mod failures;
pub mod keys;
pub mod limits;
pub mod lock;
pub mod refusal;
pub mod stuffing;
