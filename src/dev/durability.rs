//! Whether the data of the private servers has to survive a crash.

/// Whether the data has to survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Development data: it survives `kill -9` and a crash of the machine.
    Kept,
    /// Test data: removed at the end, so nothing is flushed to disk.
    Throwaway,
}
