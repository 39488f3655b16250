//! The tests of the whole: the real binary, a real PostgreSQL, a real Redis. `tests/README.md` says what runs where.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, also where no #[test] stands above it"
)]
#![expect(clippy::print_stdout, reason = "the harness shows it with the test that failed")]
#![expect(
    unreachable_pub,
    reason = "pub marks what tests may use of the support, as it would in a library"
)]

mod abuse;
mod account_safety;
mod accounts;
mod admin;
mod api;
mod architecture;
mod auth;
mod clients;
mod command_line;
mod config;
mod corpus;
mod crowds;
mod dev;
mod differential;
mod docs;
mod email;
mod explain;
mod faults;
mod gate;
mod harness;
mod instances;
mod invitations;
mod mail;
mod mfa;
mod newcomer;
mod openapi;
mod operator;
mod password;
mod protocols;
mod real_servers;
mod redis_faults;
mod resources;
mod retries;
mod scale;
mod secrets;
mod spine;
mod store;
mod streams;
mod support;
mod timing;
mod upgrade;
mod user_import;
mod verifier;
