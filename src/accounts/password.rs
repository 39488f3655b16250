//! Passwords: which are accepted, and how they are hashed and verified.

pub mod bcrypt;
pub mod hasher;
pub mod rules;

pub use hasher::{HashError, Hasher};
pub use rules::Weakness;
