//! By what a token was judged.

use crate::gate::rules::Rules;

/// The configuration and the keys by which a token was judged, in few bytes: the operator chooses both, nobody makes two
/// alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gate) struct Standard(u64);

impl Standard {
    /// The configuration, and how many keys have been taken away so far.
    pub(in crate::gate) fn new(rules: &Rules, withdrawals: u64) -> Self {
        let [first, ..] = *rules.sha256.as_chunks().0 else {
            unreachable!("SHA-256 has 32 bytes")
        };
        Self(u64::from_be_bytes(first).wrapping_add(withdrawals))
    }
}
