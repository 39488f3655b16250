//! What the data of the private servers is worth.

/// What the data is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Someone's development data: it outlives `kill -9` and a crash of the machine.
    Kept,
    /// A test's: thrown away at the end, so nothing is ever flushed to disk.
    Throwaway,
}
