//! Keeps the view of revocations, and on an issuer also the feed that the views of all others are made of.
//!
//! ```text
//!              every instance               an issuer
//! feed    ──►  follow.rs ──► view   ◄──┐
//!                   │                  │
//!                   └─────────────► ledger.rs ──► publisher.rs ──► feed
//! outbox  ──────────────► outbox.rs ──┘    what the feed lacks
//! ```
//!
//! The bound of a logout depends on these loops. None of them concludes anything from silence: a view is complete up to
//! the newest heartbeat it has read, and a heartbeat is written only when the outbox was read and the feed holds all of
//! it.

pub(super) mod follow;
pub(super) mod ledger;
pub(super) mod outbox;
pub(super) mod parts;
pub(super) mod publisher;
