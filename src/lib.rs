//! Sidegate: a reverse-proxy auth sidecar.
//!
//! It stands in front of an application that knows nothing of authentication, signs people in under `/auth`, checks the
//! token of every request that passes, and tells the application who is calling, in headers it can trust.
//!
//! `ARCHITECTURE.md` says where things are and what must never be broken.

pub mod accounts;
pub mod admin;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dev;
pub mod endpoints;
pub mod gate;
pub mod keys;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod proxy;
pub mod secret;
pub mod store;
