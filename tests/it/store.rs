//! The stores against a real PostgreSQL and a real Redis.

mod budgets;
mod commands;
pub(crate) mod fixture;
mod migrations;
mod pool;
mod redis;
mod replicas;
mod reset_tokens;
mod revocations;
mod schema;
mod sessions;
mod signing_keys;
mod sql_files;
mod users;
