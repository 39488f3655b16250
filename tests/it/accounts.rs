//! The account services on a real PostgreSQL, without the proxy: cases that depend on time or on concurrency are easier
//! to test here.

mod abuse;
mod devices;
mod fixture;
mod issuer;
mod login;
mod mfa;
mod model;
mod recovery;
mod refresh;
mod rotation;
mod sessions;
