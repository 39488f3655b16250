//! Six digits that are mailed and typed back. Redis keeps an HMAC of them, never the digits: a million possibilities are
//! tried in a moment by whoever reads a plain digest.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::accounts::settings::Settings;
use crate::keys::{KeyUse, random};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::codes::{self, Checked};
use crate::store::redis::Redis;

/// Digits of a code.
const DIGITS: usize = 6;
/// Wrong codes that use a code up: one in 200,000 guesses right.
pub(crate) const ATTEMPTS: u32 = 5;
/// How long a code works.
pub(crate) const LIFE: Duration = Duration::from_secs(600);

/// What a code is for. A code for one thing is wrong for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An address is the account's.
    EmailVerification,
    /// The owner of the old address agrees to a change, and can be reached at the new one: two codes that count as one.
    EmailChange,
    /// A second factor.
    Mfa,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::EmailVerification => "email_verification",
            Self::EmailChange => "email_change",
            Self::Mfa => "mfa",
        }
    }

    /// Whether the right code may come again, from a client whose answer was lost. Only where coming again does nothing: a second
    /// factor that worked twice would sign in two.
    const fn may_be_repeated(self) -> bool {
        matches!(self, Self::EmailVerification)
    }
}

/// Six-digit codes that are emailed and typed back.
pub struct Codes {
    pub(crate) redis: Redis,
    pub(crate) settings: Arc<Settings>,
}

impl Codes {
    /// Makes a code for a user, in the place of an earlier one for the same purpose, and keeps `data` beside it.
    pub(crate) async fn create(&self, purpose: Purpose, user_id: Uuid, data: &str) -> Result<Secret, StoreError> {
        let code = digits();
        self.put(purpose, user_id, code.expose(), data).await?;
        Ok(code)
    }

    /// Makes two codes that are only right together.
    pub(crate) async fn create_pair(
        &self,
        purpose: Purpose,
        user_id: Uuid,
        data: &str,
    ) -> Result<(Secret, Secret), StoreError> {
        let pair = (digits(), digits());
        let both = joined(pair.0.expose(), pair.1.expose());
        self.put(purpose, user_id, &both, data).await?;
        Ok(pair)
    }

    async fn put(&self, purpose: Purpose, user_id: Uuid, code: &str, data: &str) -> Result<(), StoreError> {
        let (_, hmac) = self
            .settings
            .secrets
            .authenticate(KeyUse::MailedCode, &message(purpose, user_id, code));
        codes::put(
            &self.redis,
            purpose.as_str(),
            &user_id.to_string(),
            &hmac,
            data,
            ATTEMPTS,
            LIFE,
        )
        .await
    }

    /// Compares a code and uses it up. What cannot be a code costs an attempt like any wrong one.
    pub(crate) async fn check(&self, purpose: Purpose, user_id: Uuid, typed: &str) -> Result<Checked, StoreError> {
        let message = message(purpose, user_id, &cleaned(typed));
        let hmacs = self.settings.secrets.candidates(KeyUse::MailedCode, &message);
        codes::check(
            &self.redis,
            purpose.as_str(),
            &user_id.to_string(),
            &hmacs,
            purpose.may_be_repeated(),
        )
        .await
    }

    /// Compares two codes as one: which of them is wrong is not told, and a slip in one does not use up the other.
    pub(crate) async fn check_pair(
        &self,
        purpose: Purpose,
        user_id: Uuid,
        first: &str,
        second: &str,
    ) -> Result<Checked, StoreError> {
        self.check(purpose, user_id, &joined(&cleaned(first), &cleaned(second)))
            .await
    }

    /// Takes a code back.
    pub(crate) async fn forget(&self, purpose: Purpose, user_id: Uuid) -> Result<(), StoreError> {
        codes::forget(&self.redis, purpose.as_str(), &user_id.to_string()).await
    }
}

/// What the HMAC of a code is over: a code for one purpose or account is none for another.
fn message(purpose: Purpose, user_id: Uuid, code: &str) -> Vec<u8> {
    [purpose.as_str().as_bytes(), user_id.as_bytes(), code.as_bytes()].concat()
}

/// People copy codes with the spaces around and within.
fn cleaned(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace()).collect()
}

fn joined(first: &str, second: &str) -> String {
    format!("{first}-{second}")
}

/// Six digits, all equally likely: numbers above the last whole million are thrown away.
fn digits() -> Secret {
    const MILLION: u32 = 1_000_000;
    loop {
        let number = u32::from_be_bytes(random::bytes());
        if number < u32::MAX / MILLION * MILLION {
            return Secret::new(format!("{:0DIGITS$}", number % MILLION));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits() {
        for _ in 0..1000 {
            let code = digits();
            assert!(code.expose().len() == DIGITS && code.expose().bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
