//! Identifies what a token was verified with.

use crate::gate::rules::Rules;

/// The configuration and the keys that a token was verified with, in few bytes. The operator controls both, so that
/// collisions cannot be forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gate) struct Standard(u64);

impl Standard {
    /// The configuration, and the number of keys removed so far.
    pub(in crate::gate) fn new(rules: &Rules, withdrawals: u64) -> Self {
        let [first, ..] = *rules.sha256.as_chunks().0 else {
            unreachable!("SHA-256 has 32 bytes")
        };
        Self(u64::from_be_bytes(first).wrapping_add(withdrawals))
    }
}
