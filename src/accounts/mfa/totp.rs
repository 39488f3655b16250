//! Codes of authenticator apps (RFC 6238): SHA-1, six digits, thirty seconds, because every app supports these; some
//! use them whatever the QR code says.

use qrcode::QrCode;
use qrcode::render::svg;
use time::OffsetDateTime;
use totp_rs::{Algorithm, Builder};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keys::secrets::OpenError;
use crate::keys::{KeyUse, Secrets, random};
use crate::secret::Secret;

/// The time for which a code is shown, in seconds.
const STEP_SECONDS: u64 = 30;
/// The number of accepted steps before and after the current one, for clock differences and slow typing (RFC 6238
/// section 5.2).
const SKEW: u16 = 1;
const DIGITS: u8 = 6;
/// The longest account name in the URI: an escaped email address can be longer than a QR code can hold.
const ACCOUNT_MAX: usize = 100;

/// A TOTP secret.
#[derive(Clone)]
pub(crate) struct TotpSecret(Zeroizing<[u8; 20]>);

impl TotpSecret {
    /// A new secret of 160 bits, as RFC 4226 section 4 recommends.
    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// The encrypted secret for the database. It is bound to the user, so that an attacker who can write there cannot
    /// copy the factor of one account to another.
    pub(crate) fn seal(&self, secrets: &Secrets, user_id: Uuid) -> Vec<u8> {
        secrets.seal(KeyUse::TotpSecret, &user_id.to_string(), self.0.as_slice())
    }

    /// Decrypts what [`seal`](Self::seal) returned for the same user.
    pub(crate) fn open(secrets: &Secrets, user_id: Uuid, sealed: &[u8]) -> Result<Self, OpenError> {
        let plain = Zeroizing::new(secrets.open(KeyUse::TotpSecret, &user_id.to_string(), sealed)?);
        let secret = plain.as_slice().try_into().map_err(|_| OpenError::Damaged)?;
        Ok(Self(Zeroizing::new(secret)))
    }

    /// The time step of a code, if the code is valid now.
    pub(crate) fn step(&self, typed: &str, now: OffsetDateTime) -> Option<i64> {
        // Apps show a space in the middle, which users copy.
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let seconds = u64::try_from(now.unix_timestamp()).ok()?;
        let totp = self.builder().build().ok()?;
        i64::try_from(totp.check(&typed, seconds)?).ok()
    }

    /// The secret in base32 (RFC 4648), for typing.
    pub(crate) fn base32(&self) -> Secret {
        Secret::new(totp_rs::Secret::new_stack(*self.0).to_base32())
    }

    /// The secret as an `otpauth:` URI, for authenticator apps. The parameters that it leaves out (SHA-1, six digits,
    /// thirty seconds) are the default.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> Secret {
        // A colon ends the issuer's part of the label, and an IPv6 address has some.
        let part = |text: &str, most: usize| text.chars().filter(|c| *c != ':').take(most).collect::<String>();
        let totp = self
            .builder()
            .with_issuer(Some(part(issuer, usize::MAX)))
            .with_account_name(part(account, ACCOUNT_MAX))
            .build()
            .expect("a secret of 160 bits, six digits, and no colon");
        Secret::new(totp.to_url().expect("an account has an email address"))
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW)
            .with_secret(totp_rs::Secret::new_stack(*self.0))
    }
}

/// A QR code of a URI, as SVG.
pub(crate) fn qr_svg(uri: &Secret) -> Secret {
    let code = QrCode::new(uri.expose()).expect("the account's name is cut and the issuer's is short");
    Secret::new(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key32;

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
        let [secrets, others] = [7, 8].map(|byte| Secrets::new(&Key32::new([byte; 32]), []).unwrap());
        let [alice, bob] = [1, 2].map(Uuid::from_u128);
        let sealed = rfc().seal(&secrets, alice);
        assert_eq!(TotpSecret::open(&secrets, alice, &sealed).unwrap().0, rfc().0);
        assert!(TotpSecret::open(&secrets, bob, &sealed).is_err());
        assert!(TotpSecret::open(&others, alice, &sealed).is_err());
    }

    #[test]
    fn the_otpauth_uri_names_account_and_service() {
        assert_eq!(
            rfc().uri("gw.example.com", "alice+x@example.com").expose(),
            "otpauth://totp/gw.example.com:alice%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=gw.example.com"
        );
        let by_address = rfc().uri("[2001:db8::1]", "alice@example.com");
        assert!(
            by_address
                .expose()
                .starts_with("otpauth://totp/%5B2001db81%5D:alice%40")
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
