//! The `mfa_token`: what somebody holds between the right password and the second factor.
//!
//! It is sealed, not signed: nothing in it is for the client, and no part of the program but this one can read it, so that
//! it opens no door by mistake. Nothing is stored; that it dies with the password is in it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::mfa::method::Method;
use crate::keys::{KeyUse, Secrets};
use crate::secret::Secret;
use crate::store::users::User;

/// How long one works.
pub(crate) const LIFE: Duration = Duration::from_secs(300);
/// How often it may be tried: one guess in 66,000 is right (three codes of a million at any time, five tries).
pub(crate) const ATTEMPTS: u32 = 5;

/// Marks the token, so that a scanner of leaked secrets can tell what it found.
const PREFIX: &str = "sgm_";

/// Whose sign-in it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MfaToken {
    /// Its own key, by which attempts are counted.
    pub(crate) id: Uuid,
    /// Who.
    pub(crate) user_id: Uuid,
    /// What the person calls the device.
    pub(crate) device_name: Option<String>,
    /// The device, if it was known.
    pub(crate) device: Option<Uuid>,
    /// Which password was right.
    password: [u8; 32],
    /// Until when, in seconds.
    expires_at: i64,
}

impl MfaToken {
    /// For a user whose password was right just now.
    pub(crate) fn new(user: &User, device_name: Option<&str>, device: Option<Uuid>, now: OffsetDateTime) -> Self {
        Self {
            id: Uuid::new_v4(),
            user_id: user.id,
            device_name: device_name.map(str::to_owned),
            device,
            password: fingerprint(user.password_hash.as_deref()),
            expires_at: (now + LIFE).unix_timestamp(),
        }
    }

    /// Whether the password is still the one that was right.
    pub(crate) fn is_of_password(&self, user: &User) -> bool {
        self.password == fingerprint(user.password_hash.as_deref())
    }

    /// As the client gets it.
    pub(crate) fn seal(&self, secrets: &Secrets) -> Secret {
        let plain = serde_json::to_vec(self).expect("strings and numbers are always JSON");
        let sealed = secrets.seal(KeyUse::MfaToken, "", &plain);
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Reads a token that is not too old.
    pub(crate) fn open(secrets: &Secrets, presented: &Secret, now: OffsetDateTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(presented.expose().strip_prefix(PREFIX)?).ok()?;
        let plain = secrets.open(KeyUse::MfaToken, "", &sealed).ok()?;
        let token: Self = serde_json::from_slice(&plain).ok()?;
        (now.unix_timestamp() < token.expires_at).then_some(token)
    }
}

/// The hash of the hash: enough to see that it is another, and nothing to guess passwords with.
fn fingerprint(password_hash: Option<&str>) -> [u8; 32] {
    let digest = digest(&SHA256, password_hash.unwrap_or_default().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The question for a second factor.
#[derive(Debug)]
pub struct Challenge {
    /// Goes with the answer, and is good for nothing else.
    pub mfa_token: Secret,
    /// What may be answered.
    pub methods: Vec<Method>,
    /// How long.
    pub expires_in: Duration,
}

/// The question for a second factor, for a user whose password was right.
pub(crate) fn challenge(
    secrets: &Secrets,
    user: &User,
    methods: Vec<Method>,
    device_name: Option<&str>,
    device: Option<Uuid>,
    now: OffsetDateTime,
) -> Challenge {
    let token = MfaToken::new(user, device_name, device, now);
    Challenge {
        mfa_token: token.seal(secrets),
        methods,
        expires_in: LIFE,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::secret::Key32;

    const NOW: OffsetDateTime = datetime!(2026-11-24 20:00 UTC);

    fn secrets(byte: u8) -> Secrets {
        Secrets::new(&Key32::new([byte; 32]), []).unwrap()
    }

    fn token() -> MfaToken {
        MfaToken {
            id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            device_name: Some("laptop".into()),
            device: None,
            password: fingerprint(Some("$2b$…")),
            expires_at: (NOW + LIFE).unix_timestamp(),
        }
    }

    #[test]
    fn it_is_read_for_five_minutes() {
        let key = secrets(7);
        let sealed = token().seal(&key);
        assert_eq!(MfaToken::open(&key, &sealed, NOW), Some(token()));
        let last = NOW + LIFE - Duration::from_secs(1);
        assert_eq!(MfaToken::open(&key, &sealed, last), Some(token()));
        assert_eq!(MfaToken::open(&key, &sealed, NOW + LIFE), None);
    }

    #[test]
    fn another_key_another_prefix_and_a_changed_byte_are_no_token() {
        let key = secrets(7);
        let sealed = token().seal(&key);
        assert_eq!(MfaToken::open(&secrets(8), &sealed, NOW), None);
        let text = sealed.expose();
        for wrong in [
            text.replace("sgm_", "sgr_"),
            text[..text.len() - 2].to_owned(),
            format!("{}{}", &text[..10], &text[11..]),
            String::new(),
        ] {
            assert_eq!(MfaToken::open(&key, &Secret::new(wrong.clone()), NOW), None, "{wrong}");
        }
        assert!(!text.contains("laptop"));
    }
}
