//! `auth.secret` and `auth.previous_secrets`: every sealed or authenticated value contains the id of the secret that it
//! was made with, so that the secret can be replaced while values of the previous one still exist.
//!
//! ```text
//! secret ─► HKDF ─┬─ key id (4 bytes), written beside what is made
//!                 └─ one key for each KeyUse
//! ```

use std::fmt;
use std::sync::Arc;

use ring::hmac::{self, HMAC_SHA256};

use super::key_use::KeyUse;
use super::seal;
use crate::secret::Key32;

/// The minimum number of bytes of a truncated HMAC-SHA-256 tag (RFC 2104 section 5).
const TAG_MIN: usize = 16;

/// The id of a secret. It is derived from the secret and reveals nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// The number of bytes of an id.
    pub const LEN: usize = 4;

    /// The id as it is written into a value.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }

    /// Reads an id. Any bytes are an id, which may not be that of a configured secret.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Splits the id off the front of a value.
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (id, rest) = bytes.split_first_chunk()?;
        Some((Self(*id), rest))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Why a sealed value cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was made with a secret that is not configured.
    #[error(
        "it is encrypted with a secret (key id {0}) that is neither `auth.secret` nor in `auth.previous_secrets`: \
         add that secret to `auth.previous_secrets`"
    )]
    UnknownKey(KeyId),
    /// It was changed, or sealed for another use or another row.
    #[error("it is damaged, or was encrypted for another purpose")]
    Damaged,
}

/// The error for two configured secrets with the same id: the same secret twice, or a coincidence of one in four
/// billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has the key id {0}, as another secret has")]
pub struct DuplicateKeyId(pub KeyId);

/// The keys derived from one secret.
struct Derived {
    id: KeyId,
    /// The keys, each at the position of its use in [`KeyUse::ALL`].
    keys: [Key32; KeyUse::ALL.len()],
}

impl Derived {
    fn from_secret(secret: &Key32) -> Self {
        let keys = KeyUse::ALL.map(|key_use| seal::derive(secret.expose(), key_use.label()));
        let (id, _) = KeyId::split(keys[KeyUse::KeyId as usize].expose()).expect("a key is longer than an id");
        Self { id, keys }
    }
}

/// The keys of the current secret, which makes new values, and of previous ones, which only decrypt and verify. Cheap
/// to clone.
#[derive(Clone)]
pub struct Secrets(
    /// The current one first; never empty.
    Arc<[Derived]>,
);

impl Secrets {
    /// Derives every key.
    ///
    /// # Errors
    /// When two secrets have the same id.
    pub fn new<'a>(current: &'a Key32, previous: impl IntoIterator<Item = &'a Key32>) -> Result<Self, DuplicateKeyId> {
        let mut derived: Vec<Derived> = Vec::new();
        for secret in std::iter::once(current).chain(previous) {
            let new = Derived::from_secret(secret);
            if derived.iter().any(|known| known.id == new.id) {
                return Err(DuplicateKeyId(new.id));
            }
            derived.push(new);
        }
        Ok(Self(derived.into()))
    }

    /// The id of the current secret.
    pub fn current(&self) -> KeyId {
        self.0[0].id
    }

    /// The ids of all secrets, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(|derived| derived.id)
    }

    /// The key for `key_use` of the secret `id`; `None` if it is not configured.
    pub fn key(&self, key_use: KeyUse, id: KeyId) -> Option<&Key32> {
        let derived = self.0.iter().find(|derived| derived.id == id)?;
        Some(&derived.keys[key_use as usize])
    }

    /// The key for `key_use` of the current secret, with the id to write beside what it makes.
    pub fn current_key(&self, key_use: KeyUse) -> (KeyId, &Key32) {
        let current = &self.0[0];
        (current.id, &current.keys[key_use as usize])
    }

    /// Seals `plain` with the current secret: `key id (4) | sealed`, see [`seal::seal`]. `context` is what the value
    /// belongs to, such as a row: with another context it cannot be decrypted.
    pub fn seal(&self, key_use: KeyUse, context: &str, plain: &[u8]) -> Vec<u8> {
        let (id, key) = self.current_key(key_use);
        [&id.to_bytes()[..], &seal::seal(key, context, plain)].concat()
    }

    /// Decrypts what [`Self::seal`] made for the same use and context, with the secret of its id.
    ///
    /// # Errors
    /// When that secret is not configured, or the value is not what was sealed.
    pub fn open(&self, key_use: KeyUse, context: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (id, sealed) = KeyId::split(sealed).ok_or(OpenError::Damaged)?;
        let key = self.key(key_use, id).ok_or(OpenError::UnknownKey(id))?;
        seal::open(key, context, sealed).map_err(|_| OpenError::Damaged)
    }

    /// Whether a sealed value was made with the current secret. Reads its id only.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        KeyId::split(sealed).is_some_and(|(id, _)| id == self.current())
    }

    /// The HMAC-SHA-256 of `message` with the current secret, and the id to write beside it.
    pub fn authenticate(&self, key_use: KeyUse, message: &[u8]) -> (KeyId, [u8; 32]) {
        let (id, key) = self.current_key(key_use);
        (id, tag(key, message))
    }

    /// Whether `presented` is the tag of `message` with the secret `id`, complete or truncated to 16 bytes or more.
    pub fn verify(&self, key_use: KeyUse, id: KeyId, message: &[u8], presented: &[u8]) -> bool {
        let Some(key) = self.key(key_use, id) else {
            return false;
        };
        let expected = tag(key, message);
        let Some(expected) = expected.get(..presented.len()).filter(|cut| cut.len() >= TAG_MIN) else {
            return false;
        };
        // ring compares complete tags only: so the tags of the two truncated tags are compared.
        let key = hmac::Key::new(HMAC_SHA256, key.expose());
        hmac::verify(&key, presented, hmac::sign(&key, expected).as_ref()).is_ok()
    }

    /// The HMAC-SHA-256 of `message` with every secret, the current one first: for a tag that is stored where no id can
    /// be written beside it.
    pub fn candidates(&self, key_use: KeyUse, message: &[u8]) -> Vec<[u8; 32]> {
        let keys = self.0.iter().map(|derived| &derived.keys[key_use as usize]);
        keys.map(|key| tag(key, message)).collect()
    }
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        self.ids().eq(other.ids())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn tag(key: &Key32, message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, key.expose()), message);
    tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Key32 {
        Key32::new([byte; 32])
    }

    fn before() -> Secrets {
        Secrets::new(&secret(1), []).unwrap()
    }

    fn rotated() -> Secrets {
        Secrets::new(&secret(2), [&secret(1)]).unwrap()
    }

    fn after() -> Secrets {
        Secrets::new(&secret(2), []).unwrap()
    }

    #[test]
    fn a_value_sealed_under_the_old_secret_opens_while_that_secret_is_listed() {
        let sealed = before().seal(KeyUse::Mail, "row 1", b"hello");
        assert_eq!(before().open(KeyUse::Mail, "row 1", &sealed).unwrap(), b"hello");
        assert_eq!(rotated().open(KeyUse::Mail, "row 1", &sealed).unwrap(), b"hello");
        assert!(before().is_current(&sealed) && !rotated().is_current(&sealed));

        let error = after().open(KeyUse::Mail, "row 1", &sealed).unwrap_err();
        assert_eq!(error, OpenError::UnknownKey(before().current()));
        assert!(error.to_string().contains("auth.previous_secrets"), "{error}");
    }

    #[test]
    fn new_values_are_made_under_the_new_secret() {
        let sealed = rotated().seal(KeyUse::Mail, "row 1", b"hello");
        assert!(rotated().is_current(&sealed));
        assert_eq!(after().open(KeyUse::Mail, "row 1", &sealed).unwrap(), b"hello");
        assert!(before().open(KeyUse::Mail, "row 1", &sealed).is_err());
    }

    #[test]
    fn another_use_another_context_or_one_changed_bit_does_not_open() {
        let secrets = rotated();
        let sealed = secrets.seal(KeyUse::Mail, "row 1", b"hello");
        for key_use in KeyUse::ALL {
            let opened = secrets.open(key_use, "row 1", &sealed);
            assert_eq!(opened.is_ok(), key_use == KeyUse::Mail, "{key_use:?}");
        }
        assert_eq!(secrets.open(KeyUse::Mail, "row 2", &sealed), Err(OpenError::Damaged));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(secrets.open(KeyUse::Mail, "row 1", &changed).is_err(), "byte {index}");
            assert!(
                secrets.open(KeyUse::Mail, "row 1", &sealed[..index]).is_err(),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn a_tag_verifies_under_the_secret_it_names_and_no_other() {
        let (id, tag) = before().authenticate(KeyUse::DeviceToken, b"laptop");
        for (secrets, good) in [(before(), true), (rotated(), true), (after(), false)] {
            assert_eq!(secrets.verify(KeyUse::DeviceToken, id, b"laptop", &tag), good);
        }
        let secrets = rotated();
        assert!(!secrets.verify(KeyUse::DeviceToken, secrets.current(), b"laptop", &tag));
        assert!(!secrets.verify(KeyUse::RefreshToken, id, b"laptop", &tag));
        assert!(!secrets.verify(KeyUse::DeviceToken, id, b"laptoq", &tag));
        assert_eq!(secrets.candidates(KeyUse::DeviceToken, b"laptop")[1], tag);
    }

    #[test]
    fn a_tag_may_be_cut_to_sixteen_bytes_and_no_shorter() {
        let secrets = before();
        let (id, tag) = secrets.authenticate(KeyUse::RefreshToken, b"session");
        for length in 0..=tag.len() {
            let verified = secrets.verify(KeyUse::RefreshToken, id, b"session", &tag[..length]);
            assert_eq!(verified, length >= 16, "{length} bytes");
        }
        for index in 0..16 {
            let mut changed = tag;
            changed[index] ^= 1;
            assert!(
                !secrets.verify(KeyUse::RefreshToken, id, b"session", &changed[..16]),
                "byte {index}"
            );
        }
        let longer = [&tag[..], &[0]].concat();
        assert!(!secrets.verify(KeyUse::RefreshToken, id, b"session", &longer));
    }

    #[test]
    fn the_same_secret_twice_is_refused() {
        let error = Secrets::new(&secret(1), [&secret(2), &secret(1)]).unwrap_err();
        assert_eq!(error, DuplicateKeyId(before().current()));
    }

    #[test]
    fn no_key_shows_in_debug_output_and_no_use_shares_a_key() {
        let secrets = rotated();
        assert_eq!(format!("{secrets:?}"), "[redacted]");
        for (index, key_use) in KeyUse::ALL.into_iter().enumerate() {
            for other in &KeyUse::ALL[..index] {
                assert_ne!(secrets.current_key(key_use), secrets.current_key(*other));
            }
        }
    }
}
