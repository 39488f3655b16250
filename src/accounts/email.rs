//! Email addresses: their one spelling, how one is proven, and how an account moves to another.

pub mod change;
pub mod codes;
pub mod link_token;
pub mod names;
pub mod request;
pub mod verification;
