//! The account services against a real PostgreSQL, without the proxy in front: whatever depends on time or on many at
//! once is told and counted more easily here.

mod devices;
mod fixture;
mod issuer;
mod login;
mod mfa;
mod recovery;
mod refresh;
mod sessions;
