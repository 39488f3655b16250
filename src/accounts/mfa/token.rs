//! MFA tokens: the state of a sign-in between the correct password and the second factor.
//!
//! They are encrypted and not signed: nothing in them is for the client, and no other part of the program can read
//! them, so that they cannot be accepted as another token by mistake.
//!
//! Nothing is stored. A token opens one session, which has the token's id, so that PostgreSQL knows whether it was used. A
//! password change invalidates it, and so does whatever outdates the user's access tokens, such as a sign-out everywhere.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::mfa::method::Method;
use crate::keys::{KeyUse, Secrets};
use crate::secret::Secret;
use crate::store::users::User;

/// The lifetime of a token.
pub(crate) const LIFE: Duration = Duration::from_secs(300);
/// The number of attempts: five attempts with three valid codes of a million succeed with a probability of 1 in 66,000.
pub(crate) const ATTEMPTS: u32 = 5;

/// The prefix of MFA tokens, so that secret scanners recognize them.
const PREFIX: &str = "sgm_";

/// The content of a token.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MfaToken {
    /// The token's id, by which attempts are counted, and the id of the session that it opens.
    pub(crate) id: Uuid,
    /// The user's id.
    pub(crate) user_id: Uuid,
    /// The name of the device, chosen by the user.
    pub(crate) device_name: Option<String>,
    /// The device, if it was known.
    pub(crate) device: Option<Uuid>,
    /// When the password that was verified had been set, in microseconds of Unix time.
    password_changed_at: Option<i64>,
    /// The version of the user's access tokens.
    token_version: i32,
    /// The expiry, in Unix seconds.
    expires_at: i64,
}

impl MfaToken {
    /// A token for a user whose password was just verified.
    pub(crate) fn new(user: &User, device_name: Option<&str>, device: Option<Uuid>, now: OffsetDateTime) -> Self {
        Self {
            id: Uuid::new_v4(),
            user_id: user.id,
            device_name: device_name.map(str::to_owned),
            device,
            password_changed_at: microseconds(user.password_changed_at),
            token_version: user.token_version,
            expires_at: (now + LIFE).unix_timestamp(),
        }
    }

    /// Whether neither the password was changed nor the user's access tokens were outdated since. A replaced hash of the
    /// same password is no change: another sign-in of the user replaces an outdated one.
    pub(crate) fn is_current(&self, user: &User) -> bool {
        self.password_changed_at == microseconds(user.password_changed_at) && self.token_version == user.token_version
    }

    /// The token as the client gets it.
    pub(crate) fn seal(&self, secrets: &Secrets) -> Secret {
        let plain = serde_json::to_vec(self).expect("strings and numbers are always JSON");
        let sealed = secrets.seal(KeyUse::MfaToken, "", &plain);
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Reads a token; `None` if it is malformed or has expired.
    pub(crate) fn open(secrets: &Secrets, presented: &Secret, now: OffsetDateTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(presented.expose().strip_prefix(PREFIX)?).ok()?;
        let plain = secrets.open(KeyUse::MfaToken, "", &sealed).ok()?;
        let token: Self = serde_json::from_slice(&plain).ok()?;
        (now.unix_timestamp() < token.expires_at).then_some(token)
    }
}

/// As precise as PostgreSQL stores it.
fn microseconds(at: Option<OffsetDateTime>) -> Option<i64> {
    at.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1000).ok())
}

/// The response that requires a second factor.
#[derive(Debug)]
pub struct Challenge {
    /// The MFA token, to be sent with the second factor.
    pub mfa_token: Secret,
    /// The accepted second factors.
    pub methods: Vec<Method>,
    /// The lifetime of the token.
    pub expires_in: Duration,
}

/// The challenge for a user whose password was correct.
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
            password_changed_at: microseconds(Some(NOW)),
            token_version: 1,
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
