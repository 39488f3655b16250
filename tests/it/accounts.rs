//! The account services on a real PostgreSQL, without the proxy: cases that depend on time or on concurrency are easier
//! to test here.

mod abuse;
mod address_change;
mod credentials;
mod devices;
mod fixture;
mod issuer;
mod login;
mod many_sessions;
mod meanwhile;
mod mfa;
mod mfa_tokens;
mod model;
mod races;
mod recovery;
mod refresh;
mod rotation;
mod sessions;
