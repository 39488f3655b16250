//! Revocations: what makes live access tokens invalid before they expire.
//!
//! ```text
//! transaction ──► outbox (PostgreSQL) ──► feed (Redis) ──► the view of every instance
//!                        └──────────────────────────────► the view of every issuer
//! ```
//!
//! The *outbox* is a table: a row is written in the transaction of the change, so a revocation exists exactly if the
//! change does. The *feed* is a stream in Redis, in which every issuer puts what it lacks of the outbox. It is trimmed
//! to the longest life of an access token, so reading it from its beginning is the snapshot.
//!
//! Invariant: a *heartbeat* in the feed says "every revocation committed before this instant is in the feed, before
//! this entry". So silence proves nothing: what an instance knows is as old as the newest heartbeat it has read,
//! whatever became of Redis since.

mod entry;
mod feed;
#[cfg(fuzzing)]
pub mod fuzzing;
mod heartbeat;
mod outbox;
mod publish;
mod standing;
mod wire;

pub use self::entry::{Content, Entry, Recorded, Revocation, Subject};
pub use self::feed::{Page, Position, Tail, next_page, position, tail};
pub use self::heartbeat::{Extent, Proof, Said, Statement, forget, heartbeat, now_ms};
pub use self::outbox::{CLOCKS_APART, Outbox, Read, insert};
pub use self::publish::{BATCH, publish};
pub use self::standing::{Standing, Token, check};
