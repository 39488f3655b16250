//! Device tokens: what a client shows to be known as one that has signed in to this account before.
//!
//! A limit per account keeps guessers out, and the owner with them: whoever knows an address can use the limit up or lock
//! the account. A device that signed in before therefore has an allowance of its own (OWASP's device cookie). The token
//! opens nothing by itself; the password is still asked for.
//!
//! It is stateless, an HMAC over whose and which device it is, so that a stranger's attempts cost no store anything.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::login::limits::Limiter;
use crate::accounts::settings::Settings;
use crate::keys::{KeyId, KeyUse, Secrets};
use crate::secret::Secret;
use crate::store::users::User;

/// Marks a device token, so that a scanner of leaked secrets can tell what it found.
const PREFIX: &str = "sgd_";
/// How long a device is remembered after its last sign-in: as long as browsers keep a cookie (RFC 6265bis section 5.5).
pub const LIFE: Duration = Duration::from_secs(400 * 86_400);

/// User, device, and the second of issue.
const NAMED: usize = 16 + 16 + 8;
const MAC: usize = 32;

/// Recognizes devices that signed in before.
pub struct Devices {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limiter: Arc<Limiter>,
}

impl Devices {
    /// The device, if the token is one of this account and its allowance is not used up. A forged, foreign or overused
    /// token is none at all: then the account's own limits apply. A thief of the token can so guess as often as any
    /// stranger, and a little more.
    pub(crate) async fn find(
        &self,
        presented: Option<&Secret>,
        user: Option<&User>,
        now: OffsetDateTime,
    ) -> Option<Uuid> {
        let device = read(&self.settings.secrets, presented?.expose(), user?.id, now)?;
        let (limit, window) = (self.settings.login_limit.per_account, self.settings.lockout.window);
        let taken = self
            .limiter
            .take("login_device", &device.to_string(), limit, window, now)
            .await;
        taken.allowed.then_some(device)
    }

    /// The token of a device that has just signed in.
    pub(crate) fn token(&self, user_id: Uuid, device: Uuid, now: OffsetDateTime) -> Secret {
        make(&self.settings.secrets, user_id, device, now)
    }
}

fn make(secrets: &Secrets, user_id: Uuid, device: Uuid, now: OffsetDateTime) -> Secret {
    let issued_at = now.unix_timestamp().to_be_bytes();
    let named = [&user_id.as_bytes()[..], device.as_bytes(), &issued_at].concat();
    let (key_id, mac) = secrets.authenticate(KeyUse::DeviceToken, &named);
    let bytes = [&key_id.to_bytes()[..], &named, &mac].concat();
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn read(secrets: &Secrets, presented: &str, user_id: Uuid, now: OffsetDateTime) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(presented.strip_prefix(PREFIX)?).ok()?;
    let (key_id, rest) = KeyId::split(&bytes)?;
    let (named, mac) = rest.split_at_checked(NAMED)?;
    if mac.len() != MAC || !secrets.verify(KeyUse::DeviceToken, key_id, named, mac) {
        return None;
    }
    let issued_at = i64::from_be_bytes(named[32..].try_into().ok()?);
    let age = now.unix_timestamp().saturating_sub(issued_at);
    let whose = Uuid::from_slice(&named[..16]).ok()?;
    let young = u64::try_from(age.max(0)).is_ok_and(|age| age < LIFE.as_secs());
    (whose == user_id && young).then(|| Uuid::from_slice(&named[16..32]).ok())?
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::secret::Key32;

    const NOW: OffsetDateTime = datetime!(2026-11-24 20:00 UTC);
    const ALICE: Uuid = Uuid::from_u128(1);
    const DEVICE: Uuid = Uuid::from_u128(2);

    fn secrets(byte: u8) -> Secrets {
        Secrets::new(&Key32::new([byte; 32]), []).unwrap()
    }

    #[test]
    fn a_device_is_known_by_its_token_for_400_days() {
        let key = secrets(7);
        let token = make(&key, ALICE, DEVICE, NOW);
        let read_at = |now| read(&key, token.expose(), ALICE, now);
        assert_eq!(read_at(NOW), Some(DEVICE));
        assert_eq!(read_at(NOW + LIFE - Duration::from_secs(1)), Some(DEVICE));
        assert_eq!(read_at(NOW + LIFE), None);
    }

    #[test]
    fn anothers_token_another_key_and_one_changed_byte_are_no_device() {
        let key = secrets(7);
        let token = make(&key, ALICE, DEVICE, NOW);
        let text = token.expose();
        assert_eq!(read(&key, text, Uuid::from_u128(3), NOW), None);
        assert_eq!(read(&secrets(8), text, ALICE, NOW), None);
        for index in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(read(&key, &changed, ALICE, NOW), None, "byte {index}");
            assert_eq!(read(&key, &text[..index], ALICE, NOW), None, "cut at {index}");
        }
    }
}
