//! Emailed codes of six digits. Redis stores an HMAC of them, because the million possible digits of a plain digest can
//! be tried in a moment.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::accounts::settings::Settings;
use crate::keys::{KeyUse, random};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::codes::{self, Checked};
use crate::store::redis::Redis;

/// The number of digits of a code.
const DIGITS: usize = 6;
/// The number of wrong attempts after which a code no longer works: a guess succeeds with a probability of 1 in
/// 200,000.
pub(crate) const ATTEMPTS: u32 = 5;
/// The lifetime of a code.
pub(crate) const LIFE: Duration = Duration::from_secs(600);

/// The purpose of a code. A code for one purpose is wrong for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Verification of the account's email address.
    EmailVerification,
    /// Confirmation of a change of the email address: two codes that count as one.
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

    /// Whether the right code can be sent again by a client whose response was lost. Only if PostgreSQL decides whether
    /// it still has an effect: a second factor that works twice would sign in two clients.
    const fn may_be_repeated(self) -> bool {
        matches!(self, Self::EmailVerification | Self::EmailChange)
    }
}

/// Creates and verifies emailed codes.
pub struct Codes {
    pub(crate) redis: Redis,
    pub(crate) settings: Arc<Settings>,
}

impl Codes {
    /// Creates a code for a user, which replaces an earlier one for the same purpose, and stores `data` with it.
    pub(crate) async fn create(&self, purpose: Purpose, user_id: Uuid, data: &str) -> Result<Secret, StoreError> {
        let code = digits();
        self.put(purpose, user_id, code.expose(), data).await?;
        Ok(code)
    }

    /// Creates two codes that are only valid together.
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
            .authenticate(KeyUse::EmailedCode, &message(purpose, user_id, code));
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

    /// Compares a code and uses it up. A malformed code costs an attempt like any wrong one.
    pub(crate) async fn check(&self, purpose: Purpose, user_id: Uuid, typed: &str) -> Result<Checked, StoreError> {
        let message = message(purpose, user_id, &cleaned(typed));
        let hmacs = self.settings.secrets.candidates(KeyUse::EmailedCode, &message);
        codes::check(
            &self.redis,
            purpose.as_str(),
            &user_id.to_string(),
            &hmacs,
            purpose.may_be_repeated(),
        )
        .await
    }

    /// Compares two codes as one: which of them is wrong is not revealed, and a mistake in one does not use up the
    /// other.
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

    /// Deletes a code.
    pub(crate) async fn forget(&self, purpose: Purpose, user_id: Uuid) -> Result<(), StoreError> {
        codes::forget(&self.redis, purpose.as_str(), &user_id.to_string()).await
    }
}

/// The input of the HMAC of a code: a code for one purpose or account is wrong for another.
fn message(purpose: Purpose, user_id: Uuid, code: &str) -> Vec<u8> {
    [purpose.as_str().as_bytes(), user_id.as_bytes(), code.as_bytes()].concat()
}

/// Removes spaces around and within a code, which users copy.
fn cleaned(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace()).collect()
}

fn joined(first: &str, second: &str) -> String {
    format!("{first}-{second}")
}

/// Six uniformly distributed digits: random numbers above the last full million are discarded.
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
