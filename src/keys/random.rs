//! Random bytes, from the operating system by way of ring.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` bytes that nobody can guess.
///
/// # Panics
/// When the operating system has no randomness to give, which it always has once it has booted.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("a booted system always has randomness to give");
    bytes
}
