//! Requires the current password for sensitive changes: otherwise a stolen access token, or a forgotten open browser,
//! would be enough to take over an account.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::accounts::login::keys::account_key;
use crate::accounts::login::limits::Limiter;
use crate::accounts::password::hasher::Hasher;
use crate::accounts::settings::Settings;
use crate::secret::Secret;
use crate::store::users::User;

/// Why the current password was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The password is wrong, or the account has none.
    #[error("wrong password")]
    WrongPassword,
    /// Too many attempts.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Requires the current password for sensitive changes.
pub struct Reauthentication {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) hasher: Arc<Hasher>,
}

impl Reauthentication {
    /// Verifies the password of a signed-in user; returns the hash that it matched.
    pub(crate) async fn require_password<'a>(
        &self,
        user: &'a User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<&'a str, ProofError> {
        // The limit of sign-ins: somebody with a token must not be able to guess the password faster.
        self.require_password_within("login_account", &account_key(user), user, password, now)
            .await
    }

    /// Like [`Self::require_password`], with another limit than that of sign-ins.
    pub(crate) async fn require_password_within<'a>(
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
