//! Re-authentication: what a signed-in user has to prove before a credential is changed or removed, or the account is
//! deleted. Otherwise a stolen access token, or a forgotten open browser, would be enough to take over an account.
//!
//! ```text
//! the account has          required, in the same request
//! no second factor         the current password
//! emailed codes only       the current password, and an emailed code
//! an authenticator app     the current password, and a code of the app
//! ```
//!
//! A recovery code replaces either. An emailed code does not replace the app: an attacker who reads the mailbox must
//! not be able to remove what protects the account against that (OWASP ASVS 5.0, 7.5.1). A step-up of the session does
//! not count: it may have been with a weaker factor, and hours ago, and it comes with the token that may be stolen.
//!
//! The password is verified before the user's row is locked, and everything is checked again under the lock.

pub mod error;

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::directory::Directory;
use crate::accounts::error::Failure;
use crate::accounts::login::keys::account_key;
use crate::accounts::login::limits::Limiter;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::method::Factor;
use crate::accounts::mfa::verdict::Verdict;
use crate::accounts::password::hasher::Hasher;
use crate::accounts::reauthentication::error::ReauthenticationError;
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::settings::Settings;
use crate::audit::Origin;
use crate::secret::Secret;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::sessions;
use crate::store::users::{self, User};

/// What a signed-in user submits to change a credential.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The current password.
    pub password: &'a Secret,
    /// A second factor, which an account that has one requires.
    pub factor: Option<Factor<'a>>,
}

/// With what the attempts of a signed-in user are counted. The number is that of `auth.login_limit` in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// With sign-ins: somebody with a stolen token cannot guess the password faster than at the sign-in.
    WithSignIns,
    /// Separately: others who use up the limit of sign-ins cannot prevent the owner from changing a second factor.
    Separately,
}

/// A signed-in user whose password was verified; [`Reauthentication::hold`] does the rest.
pub(crate) struct PasswordVerified<'a> {
    by: SessionOf,
    /// The account, as it was read before the password was verified.
    pub(crate) user: User,
    factor: Option<Factor<'a>>,
}

/// Requires the current password and the strongest second factor.
pub struct Reauthentication {
    pub(crate) directory: Arc<Directory>,
    pub(crate) factors: Arc<Factors>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) postgres: Postgres,
    pub(crate) settings: Arc<Settings>,
}

impl Reauthentication {
    /// Verifies the password. Locks nothing and uses up no factor, so that the caller can still refuse what was
    /// requested: a new password that is too weak must not cost an emailed code.
    pub(crate) async fn verify_password<'a>(
        &self,
        by: SessionOf,
        proof: Proof<'a>,
        counted: Counted,
        now: OffsetDateTime,
    ) -> Result<PasswordVerified<'a>, ReauthenticationError> {
        let user = self
            .directory
            .user(by.user_id)
            .await?
            .ok_or(ReauthenticationError::NotFound)?;
        let limit = &self.settings.login_limit;
        let (policy, key) = match counted {
            Counted::WithSignIns => ("login_account", account_key(&user)),
            Counted::Separately => ("password_again", user.id.to_string()),
        };
        let taken = self
            .limiter
            .take(policy, &key, limit.per_account, limit.window, now)
            .await;
        if !taken.allowed {
            return Err(ReauthenticationError::RateLimited {
                retry_after: taken.retry_after,
            });
        }
        let hash = user.password_hash.as_deref();
        let verified = self.hasher.verify(proof.password, hash).await.map_err(Failure::from)?;
        if hash.is_none() || !verified.matches {
            return Err(ReauthenticationError::WrongPassword);
        }
        Ok(PasswordVerified {
            by,
            user,
            factor: proof.factor,
        })
    }

    /// Locks the user's row, checks everything again, and uses up the second factor. The caller makes the change in
    /// the returned transaction.
    pub(crate) async fn hold(
        &self,
        operation: &'static str,
        verified: PasswordVerified<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(Transaction, User), ReauthenticationError> {
        let by = verified.by;
        let shown = match verified.factor {
            Some(factor) => {
                self.factors.limit_signed_in(by.user_id, origin, now).await?;
                Some(self.factors.shown(by.user_id, factor).await?)
            }
            None => None,
        };
        let tx = self.postgres.transaction(operation).await?;
        let user = users::find_for_update(&tx, by.user_id)
            .await?
            .filter(|user| user.deleted_at.is_none())
            .ok_or(ReauthenticationError::NotFound)?;
        // The session may have been ended meanwhile, for example by a password reset, which must not be undone.
        let open = sessions::find(&tx, by.session_id, now).await?;
        if open.is_none_or(|session| session.user_id != user.id) {
            return Err(ReauthenticationError::NotFound);
        }
        if !user.has_same_password_as(&verified.user) {
            return Err(ReauthenticationError::WrongPassword);
        }
        let status = self.factors.status(&tx, &user).await?;
        if !status.is_enabled() {
            return Ok((tx, user));
        }
        let shown = shown
            .filter(|shown| status.confirms_changes(shown.factor.method()))
            .ok_or(ReauthenticationError::FactorRequired)?;
        if self.factors.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
            // Commits the audit entry.
            tx.commit().await?;
            return Err(ReauthenticationError::WrongCode);
        }
        Ok((tx, user))
    }
}
