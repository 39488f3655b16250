//! Sessions and their tokens: how one begins, is refreshed, is listed and ends.

pub mod access;
pub mod end;
pub mod open;
pub mod pair;
pub mod refresh;
pub mod revoker;
pub mod tokens;
