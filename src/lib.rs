//! Sidegate: an authenticating reverse proxy.
//!
//! It stands in front of an application without a login of its own, serves the accounts API under `/auth`, verifies the
//! access token of every request, and tells the application who is calling, in headers it can trust.
//!
//! `ARCHITECTURE.md` says where things are, and lists the invariants.

pub mod accounts;
pub mod admin;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod content_length;
pub mod cookies;
pub mod dev;
pub mod endpoints;
pub mod gate;
pub mod keys;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod network;
pub mod proxy;
pub mod secret;
pub mod sliding_window;
pub mod store;
pub mod visible;
