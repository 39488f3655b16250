//! The fault table of Redis: two issuers and a verifier, and the bound of a sign-out while Redis fails.
//!
//! Each row does the same over and over: somebody signs in, Redis fails, they sign out at one issuer, and from the
//! answer on their token is presented to the other issuer and to the verifier, on a route with `on_stale: check` and on
//! one with `deny`. No token may be accepted after the bound, nor while Redis recovers, nor afterwards. Each row prints
//! when the token was last accepted; `make faults` makes the table of `docs/revocation.md` of it.
//!
//! Run alone, one after the other: they measure time. `SIDEGATE_FAULT_REPEATS` says how often.

mod rig;
mod rows;

use std::time::Duration;

/// The bound of a verifier: `revocation.max_lag`, which is two seconds.
const VERIFIER: Duration = Duration::from_secs(2);
/// The bound of an issuer, which reads PostgreSQL.
const ISSUER: Duration = Duration::from_secs(1);
