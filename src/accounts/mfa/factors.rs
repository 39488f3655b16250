//! Verifies second factors.
//!
//! ```text
//! enrol ──► confirm ──► ten recovery codes
//! correct password ──► mfa_token ──► correct factor ──► session (amr: pwd otp mfa)
//!                        │ five attempts, five minutes, this password, nothing else
//! signed in, step-up required ──► correct factor ──► the same session with the factor
//! ```
//!
//! Using a factor locks the user's row, and each factor is used up by a statement that succeeds once. A wrong factor at
//! sign-in counts like a wrong password: somebody who has the password must not be able to try a million codes.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::directory::Directory;
use crate::accounts::email::codes::{Codes, Purpose};
use crate::accounts::login::limits::windows::{Limits, RateLimited, Window};
use crate::accounts::mfa::error::MfaError;
use crate::accounts::mfa::method::{Factor, Method};
use crate::accounts::mfa::recovery;
use crate::accounts::mfa::status::MfaStatus;
use crate::accounts::mfa::totp::TotpSecret;
use crate::accounts::mfa::verdict::Verdict;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::Queue;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::codes::Checked;
use crate::store::postgres::{Executor, Postgres, Transaction};
use crate::store::users::{self, User};
use crate::store::{StoreError, factors};

/// A factor; an emailed code has been compared already.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) factor: Factor<'a>,
    code_is_right: bool,
}

/// Verifies second factors and uses them up.
pub struct Factors {
    pub(crate) directory: Arc<Directory>,
    pub(crate) postgres: Postgres,
    pub(crate) mail: Arc<Queue>,
    pub(crate) codes: Arc<Codes>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Arc<Limits>,
}

impl Factors {
    /// The second factors of an account.
    ///
    /// # Errors
    /// When the account does not exist any more, or PostgreSQL is unreachable.
    pub async fn status_of(&self, user_id: Uuid) -> Result<MfaStatus, MfaError> {
        let user = self.directory.user(user_id).await?.ok_or(MfaError::NotFound)?;
        Ok(self.status(&self.postgres, &user).await?)
    }

    pub(crate) async fn status(&self, db: &impl Executor, user: &User) -> Result<MfaStatus, StoreError> {
        let totp = factors::find(db, user.id)
            .await?
            .filter(|totp| totp.confirmed_at.is_some());
        Ok(MfaStatus {
            totp_confirmed_at: totp.as_ref().and_then(|totp| totp.confirmed_at),
            totp_last_used_at: totp.as_ref().and_then(|totp| totp.last_used_at),
            email_enabled_at: user.mfa_email_enabled_at,
            email_is_usable: self.mails_codes(user),
            recovery_codes_left: factors::count_recovery_codes(db, user.id).await?,
        })
    }

    /// The second factors that a sign-in accepts; `None` if the password is enough.
    pub(crate) async fn methods(&self, db: &impl Executor, user: &User) -> Result<Option<Vec<Method>>, StoreError> {
        // Most accounts have none, and their sign-in needs no further query.
        let totp = factors::find(db, user.id).await?;
        if user.mfa_email_enabled_at.is_none() && totp.is_none_or(|totp| totp.confirmed_at.is_none()) {
            return Ok(None);
        }
        let status = self.status(db, user).await?;
        Ok(status.is_enabled().then(|| status.methods()))
    }

    /// Whether codes can be sent to this account. Only to a verified email address: a change of the email address must
    /// not hand over the factor.
    pub(crate) fn mails_codes(&self, user: &User) -> bool {
        user.mfa_email_enabled_at.is_some() && user.email_verified_at.is_some() && self.mail.is_enabled()
    }

    /// Compares an emailed code, which is in Redis, before the user's row is locked: a slow Redis must not keep the row
    /// locked.
    pub(crate) async fn shown<'a>(&self, user_id: Uuid, factor: Factor<'a>) -> Result<Shown<'a>, StoreError> {
        let code_is_right = match factor {
            Factor::EmailCode(typed) => matches!(
                self.codes.check(Purpose::Mfa, user_id, typed.expose()).await?,
                Checked::Right(_)
            ),
            Factor::Totp(_) | Factor::RecoveryCode(_) => false,
        };
        Ok(Shown { factor, code_is_right })
    }

    /// Uses a factor of a user whose row is locked, and records the outcome.
    pub(crate) async fn spend(
        &self,
        tx: &Transaction,
        user: &User,
        shown: Shown<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Verdict, StoreError> {
        let method = shown.factor.method();
        let verdict = match shown.factor {
            Factor::Totp(typed) => self.spend_totp(tx, user.id, typed, now).await?,
            Factor::RecoveryCode(typed) => self.spend_recovery_code(tx, user, typed, origin, now).await?,
            Factor::EmailCode(_) if shown.code_is_right && self.mails_codes(user) => Verdict::Right,
            Factor::EmailCode(_) => Verdict::Wrong,
        };
        self.count_challenge(method, verdict.as_str());
        let happened = if verdict == Verdict::Right {
            AuditRecord::by(user.id, Event::MfaSucceeded, origin)
        } else {
            AuditRecord::to(Some(user.id), Event::MfaFailed, origin)
                .failed()
                .with("reason", verdict.as_str())
        };
        happened
            .with("method", method.as_str())
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(verdict)
    }

    pub(crate) async fn spend_totp(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        typed: &Secret,
        now: OffsetDateTime,
    ) -> Result<Verdict, StoreError> {
        let Some(totp) = factors::find(tx, user_id)
            .await?
            .filter(|totp| totp.confirmed_at.is_some())
        else {
            return Ok(Verdict::Wrong);
        };
        let Some(secret) = self.open_totp(user_id, &totp.secret_sealed) else {
            return Ok(Verdict::Wrong);
        };
        let Some(step) = secret.step(typed.expose(), now) else {
            return Ok(Verdict::Wrong);
        };
        if factors::spend(tx, user_id, step, now).await? {
            Ok(Verdict::Right)
        } else {
            Ok(Verdict::Replayed)
        }
    }

    /// Logs a TOTP secret that cannot be decrypted, so that an operator who changed `auth.secret` finds the reason.
    pub(crate) fn open_totp(&self, user_id: Uuid, sealed: &[u8]) -> Option<TotpSecret> {
        TotpSecret::open(&self.settings.secrets, user_id, sealed)
            .inspect_err(|error| tracing::error!(%user_id, "a TOTP secret cannot be decrypted: {error}"))
            .ok()
    }

    pub(crate) async fn spend_recovery_code(
        &self,
        tx: &Transaction,
        user: &User,
        typed: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Verdict, StoreError> {
        let stored = factors::recovery_codes(tx, user.id).await?;
        let found = recovery::find(&self.settings.secrets, user.id, &stored, typed).unwrap_or_else(|error| {
            tracing::error!(user_id = %user.id, "a recovery code cannot be decrypted: {error}");
            None
        });
        let Some(code) = found else {
            return Ok(Verdict::Wrong);
        };
        if !factors::spend_recovery_code(tx, code, now).await? {
            return Ok(Verdict::Wrong);
        }
        let left = factors::count_recovery_codes(tx, user.id).await?;
        AuditRecord::by(user.id, Event::RecoveryCodeUsed, origin)
            .with("left", left)
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(Verdict::Right)
    }

    /// Locks the row of a signed-in user.
    pub(crate) async fn hold(&self, tx: &Transaction, user_id: Uuid) -> Result<User, MfaError> {
        users::find_for_update(tx, user_id)
            .await?
            .filter(|user| user.deleted_at.is_none())
            .ok_or(MfaError::NotFound)
    }

    /// Counts an attempt of a signed-in user, separately from sign-ins, so that neither can block the other.
    pub(crate) async fn limit_signed_in(
        &self,
        user_id: Uuid,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), RateLimited> {
        let key = format!("signed_in:{user_id}");
        self.limits.take(Window::Mfa, origin.address, Some(&key), now).await
    }

    pub(crate) fn count_challenge(&self, method: Method, result: &str) {
        self.metrics
            .mfa_challenges
            .with_label_values(&[method.as_str(), result])
            .inc();
    }
}
