//! The password once more, before what a token alone must not do: one that was left open in a library, or stolen, would
//! otherwise be enough to take an account over.

use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::login::attempt::account_key;
use crate::accounts::{Accounts, Failure, User};
use crate::secret::Secret;

/// Why somebody who is signed in did not prove themselves.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Not the account's password, or the account has none.
    #[error("wrong password")]
    WrongPassword,
    /// Too many tries.
    #[error("too many attempts")]
    RateLimited {
        /// When there is room again.
        retry_after: Duration,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// Asks for the password of somebody who is signed in; returns the hash that it matched.
    pub(crate) async fn prove<'a>(
        &self,
        user: &'a User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<&'a str, ProofError> {
        // The window of logins: whoever holds a token must not guess the password faster than who holds none.
        self.prove_within("login_account", &account_key(user), user, password, now)
            .await
    }

    /// The same, counted in another window than that of logins.
    pub(crate) async fn prove_within<'a>(
        &self,
        window: &'static str,
        key: &str,
        user: &'a User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<&'a str, ProofError> {
        let limit = &self.settings.login_limit;
        let taken = self
            .limiter
            .take(window, key, limit.per_account, limit.window, now)
            .await;
        if !taken.allowed {
            return Err(ProofError::RateLimited {
                retry_after: taken.retry_after,
            });
        }
        let hash = user.password_hash.as_deref();
        let verified = self.hasher.verify(password, hash).await.map_err(Failure::from)?;
        hash.filter(|_| verified.matches).ok_or(ProofError::WrongPassword)
    }
}
