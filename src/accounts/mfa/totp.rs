//! Codes of an authenticator (RFC 6238): SHA-1, six digits, thirty seconds, because that is what every application
//! supports; some silently compute these whatever the address in the QR code says.

use data_encoding::BASE32_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::QrCode;
use qrcode::render::svg;
use time::OffsetDateTime;
use totp_rs::{Algorithm, Builder};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keys::{random, seal};
use crate::secret::{Key32, Secret};

/// Seconds for which one code is shown.
const STEP_SECONDS: u64 = 30;
/// Steps before and after the present one that are accepted: a phone's clock, and a slow hand (RFC 6238 section 5.2).
const SKEW: u16 = 1;
const DIGITS: u8 = 6;
/// An address may be longer than what a QR code can hold once each of its characters is escaped.
const ACCOUNT_MAX: usize = 100;

/// What is left as it is in the parts of an `otpauth` address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// What an authenticator and we know.
#[derive(Clone)]
pub(crate) struct TotpSecret(Zeroizing<[u8; 20]>);

impl TotpSecret {
    /// A fresh one: 160 bits, as RFC 4226 section 4 recommends.
    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// As it rests in the database. Whose it is goes in, so that nobody who can write there gives one account the factor
    /// of another.
    pub(crate) fn seal(&self, key: &Key32, user_id: Uuid) -> Vec<u8> {
        seal::seal(key, &purpose(user_id), self.0.as_slice())
    }

    /// Reads what [`seal`](Self::seal) made for the same user.
    pub(crate) fn open(key: &Key32, user_id: Uuid, sealed: &[u8]) -> Option<Self> {
        let plain = Zeroizing::new(seal::open(key, &purpose(user_id), sealed).ok()?);
        Some(Self(Zeroizing::new(plain.as_slice().try_into().ok()?)))
    }

    /// The time step whose code this is, if it is one of now.
    pub(crate) fn step(&self, typed: &str, now: OffsetDateTime) -> Option<i64> {
        // Authenticators show a space in the middle, and people copy it.
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let seconds = u64::try_from(now.unix_timestamp()).ok()?;
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW)
            .with_secret(totp_rs::Secret::new_stack(*self.0))
            .build()
            .ok()?;
        i64::try_from(totp.check(&typed, seconds)?).ok()
    }

    /// As a person types it: base32 (RFC 4648).
    pub(crate) fn base32(&self) -> Secret {
        Secret::new(BASE32_NOPAD.encode(self.0.as_slice()))
    }

    /// As a telephone reads it.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> Secret {
        let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
        let account: String = account.chars().take(ACCOUNT_MAX).collect();
        let (issuer, account) = (escaped(issuer), escaped(&account));
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            self.base32().expose()
        ))
    }
}

/// A picture of an address.
pub(crate) fn qr_svg(uri: &Secret) -> Secret {
    let code = QrCode::new(uri.expose()).expect("the account's name is cut and the issuer's is short");
    Secret::new(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

fn purpose(user_id: Uuid) -> String {
    format!("totp:{user_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238 appendix B.
    fn rfc() -> TotpSecret {
        TotpSecret(Zeroizing::new(*b"12345678901234567890"))
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B has eight digits; six are their end.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().step(code, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_not_two() {
        let step = rfc().step("287 082", at(59));
        assert_eq!(step, Some(1));
        for (seconds, good) in [(0, true), (29, true), (60, true), (89, true), (90, false), (120, false)] {
            assert_eq!(rfc().step("287082", at(seconds)), step.filter(|_| good), "{seconds}");
        }
        for near_miss in ["287081", "28708", "2870820", "+87082", ""] {
            assert_eq!(rfc().step(near_miss, at(59)), None, "{near_miss}");
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_user_alone() {
        let (key, alice, bob) = (Key32::new([7; 32]), Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = rfc().seal(&key, alice);
        assert_eq!(TotpSecret::open(&key, alice, &sealed).unwrap().0, rfc().0);
        assert!(TotpSecret::open(&key, bob, &sealed).is_none());
        assert!(TotpSecret::open(&Key32::new([8; 32]), alice, &sealed).is_none());
    }

    #[test]
    fn an_authenticator_is_told_who_and_where() {
        assert_eq!(
            rfc().uri("gw.example.com", "alice+x@example.com").expose(),
            "otpauth://totp/gw.example.com:alice%2Bx@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=gw.example.com&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn the_longest_names_fit_a_picture() {
        let issuer = "\u{1F600}".repeat(crate::accounts::settings::MFA_ISSUER_MAX);
        let account = "\u{1F600}".repeat(254);
        let svg = qr_svg(&rfc().uri(&issuer, &account));
        assert!(svg.expose().contains("<svg"));
        let host = format!("{}.example", "h".repeat(245));
        qr_svg(&rfc().uri(&host, &account));
    }
}
