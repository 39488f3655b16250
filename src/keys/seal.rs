//! Sealing: authenticated encryption (AES-256-GCM) of values in a store.
//!
//! `version (1) | nonce (12) | ciphertext | tag (16)`. The purpose of a value is its associated data, so that an
//! attacker who can write to the database cannot use a sealed value for another purpose, for example a TOTP secret as a
//! signing key.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use super::random;
use crate::secret::Key32;

/// The first byte of every sealed value, to recognize old values if the cipher changes.
const VERSION: u8 = 1;
const TAG_LEN: usize = 16;

/// A sealed value cannot be decrypted: another secret, another purpose, or changed. The reason is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value cannot be decrypted: was `auth.secret` changed, or the value?")]
pub struct SealError;

/// Encrypts `plain` with `key` for the purpose `associated`.
///
/// The nonce is random: up to 2^32 values per key are safe (NIST SP 800-38D section 8.3), more than are ever sealed.
pub fn seal(key: &Key32, associated: &str, plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = random::bytes();
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + TAG_LEN);
    sealed.extend_from_slice(plain);
    cipher(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated.as_bytes()),
            &mut sealed,
        )
        .expect("AES-GCM seals anything shorter than 64 GiB");
    sealed.splice(0..0, [VERSION].into_iter().chain(nonce));
    sealed
}

/// Decrypts a value that [`seal`] encrypted with the same key and purpose.
///
/// # Errors
/// When the key, the purpose or the value is another.
pub fn open(key: &Key32, associated: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (&VERSION, rest) = sealed.split_first().ok_or(SealError)? else {
        return Err(SealError);
    };
    let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or(SealError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
    let mut plain = ciphertext.to_vec();
    let length = cipher(key)
        .open_in_place(nonce, Aad::from(associated.as_bytes()), &mut plain)
        .map_err(|_| SealError)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

/// Derives a key for one purpose (HKDF-SHA256, RFC 5869) from input with full entropy, such as a token of 256 random
/// bits. Not for passwords.
pub fn derive(input: &[u8], purpose: &str) -> Key32 {
    struct Len32;
    impl KeyType for Len32 {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    Salt::new(HKDF_SHA256, b"sidegate")
        .extract(input)
        .expand(&[purpose.as_bytes()], Len32)
        .and_then(|material| material.fill(&mut key))
        .expect("32 bytes are within what HKDF-SHA256 can give");
    Key32::new(key)
}

fn cipher(key: &Key32) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("AES-256 takes any 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_purpose() {
        let key = Key32::new([7; 32]);
        for plain in [&b""[..], b"a private key"] {
            let sealed = seal(&key, "signing_key:abc", plain);
            assert_eq!(open(&key, "signing_key:abc", &sealed).unwrap(), plain);
            assert_ne!(
                sealed,
                seal(&key, "signing_key:abc", plain),
                "the nonce is fresh each time"
            );
        }
    }

    #[test]
    fn another_key_another_purpose_or_one_changed_bit_does_not_open() {
        let key = Key32::new([7; 32]);
        let sealed = seal(&key, "signing_key:abc", b"a private key");
        assert_eq!(open(&Key32::new([8; 32]), "signing_key:abc", &sealed), Err(SealError));
        assert_eq!(open(&key, "signing_key:abd", &sealed), Err(SealError));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(open(&key, "signing_key:abc", &changed), Err(SealError), "byte {index}");
            assert_eq!(
                open(&key, "signing_key:abc", &sealed[..index]),
                Err(SealError),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn keys_derived_for_two_purposes_or_from_two_inputs_differ() {
        let a = derive(b"token", "refresh_grace");
        assert_eq!(a, derive(b"token", "refresh_grace"));
        assert_ne!(a, derive(b"token", "other"));
        assert_ne!(a, derive(b"tokem", "refresh_grace"));
    }
}
