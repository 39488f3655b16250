//! Device tokens: they show that a client was used to sign in to the account before.
//!
//! A limit per account stops guessing, but also lets anybody who knows the email address lock the owner out. So a known
//! device has a limit of its own (OWASP device cookies). The token gives no access by itself; the password is still
//! required.
//!
//! It is stateless, an HMAC over user and device, so that forged tokens cost no store access.

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

/// The prefix of device tokens, so that secret scanners recognize them.
const PREFIX: &str = "sgd_";
/// How long a device is known after its last sign-in: as long as browsers keep a cookie (RFC 6265bis section 5.5).
pub const LIFE: Duration = Duration::from_secs(400 * 86_400);

/// The content of a token: user, device, and time of issue.
const NAMED: usize = 16 + 16 + 8;
const MAC: usize = 32;

/// Recognizes devices that were used to sign in before.
pub struct Devices {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limiter: Arc<Limiter>,
}

impl Devices {
    /// The device, if the token belongs to this account and the device's limit is not exceeded. Otherwise the limits of
    /// the account apply, so that a stolen token allows only few more guesses.
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

    /// Issues the token for a device after a sign-in.
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
    fn a_device_token_of_another_account_with_another_key_or_a_changed_byte_is_refused() {
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
