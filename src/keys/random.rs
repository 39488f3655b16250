//! Random bytes of the operating system, from ring.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` cryptographically secure random bytes.
///
/// # Panics
/// When the operating system has no randomness, which cannot happen after it has booted.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("a booted system always has randomness to give");
    bytes
}
