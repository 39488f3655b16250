//! Sessions and their tokens: opening, refreshing, listing and ending.

pub mod access;
pub mod end;
pub mod fingerprint;
pub mod open;
pub mod pair;
pub mod refresh;
pub mod refresh_token;
pub mod revoker;
pub mod tokens;
