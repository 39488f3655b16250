//! An authenticator app, implemented from RFC 6238 independently of Sidegate.

use data_encoding::BASE32_NOPAD;
use ring::hmac;

/// An authenticator app.
#[derive(Debug, Clone)]
pub struct Authenticator {
    secret: Vec<u8>,
}

impl Authenticator {
    /// Adds the secret.
    pub fn typed(base32: &str) -> Self {
        Self {
            secret: BASE32_NOPAD.decode(base32.as_bytes()).expect("the secret is base32"),
        }
    }

    /// The code at a second of Unix time.
    pub fn at(&self, seconds: i64) -> String {
        let counter = u64::try_from(seconds / 30).unwrap().to_be_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &counter);
        let bytes = tag.as_ref();
        let offset = usize::from(bytes[19] & 0x0f);
        let word = u32::from_be_bytes(bytes[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", word % 1_000_000)
    }

    /// The code of the current time step, or of a later one. Those of the current and the next step are accepted even
    /// if a step ends meanwhile.
    pub fn code(&self, steps_later: i64) -> String {
        let now = i64::try_from(super::now()).unwrap();
        self.at(now + 30 * steps_later)
    }
}
