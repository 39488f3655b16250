//! Keeps the view of revocations up to date, and on an issuer also the feed, from which all other instances build their
//! views.
//!
//! ```text
//!              every instance               an issuer
//! feed    ──►  follow.rs ──► view   ◄──┐
//!                   │                  │
//!                   └─────────────► ledger.rs ──► publisher.rs ──► feed
//! outbox  ──────────────► outbox.rs ──┘    what the feed lacks
//! ```
//!
//! The bound of a sign-out depends on these loops. None of them concludes anything from silence: a view is complete up
//! to the last heartbeat it has read, and a heartbeat is written only after the outbox was read and if the feed
//! contains all of it.

pub(super) mod follow;
pub(super) mod ledger;
pub(super) mod outbox;
pub(super) mod parts;
pub(super) mod publisher;
