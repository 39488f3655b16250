//! Passwords: which are accepted, and how they are hashed and verified.

mod argon2;
mod bcrypt;
pub mod change;
pub mod hasher;
pub mod reset;
pub mod retry;
pub mod rules;
mod scheme;

pub use argon2::Cost;
pub use hasher::{HashError, Hasher};
pub use rules::Weakness;
pub use scheme::Verified;
pub(crate) use scheme::is_known;
