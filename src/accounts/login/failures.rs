//! Records and counts failed sign-ins; too many lock the account.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::settings::{Lockout, Settings};
use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::users::{self, FailedLogin, User};

/// Why a sign-in failed, for the audit log and the metrics, never for the caller.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wrong {
    Unknown,
    Password,
    /// The password was right when it was verified, and was changed before the session was opened.
    PasswordChanged,
    Locked,
}

impl Wrong {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_account",
            Self::Password => "wrong_password",
            Self::PasswordChanged => "password_changed",
            Self::Locked => "locked",
        }
    }
}

/// Records failed sign-ins and locks accounts.
pub struct Failures {
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Arc<Settings>,
}

impl Failures {
    /// Records a failure, and locks the account if there were too many. For an unknown account the same statements run
    /// without an effect, so that they take the same time; also for a known device, whose failures its own limit
    /// counts.
    pub(crate) async fn record(
        &self,
        user: Option<&User>,
        device: Option<Uuid>,
        wrong: Wrong,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let user_id = user.map(|user| user.id);
        // Nobody has guessed who had the right password a moment ago: sign-ins at the time of a reset must not lock the
        // account for its owner.
        let is_guess = !matches!(wrong, Wrong::PasswordChanged);
        let counted = user_id.filter(|_| device.is_none() && is_guess);
        let tx = self.postgres.transaction("login_failed").await?;
        let failures = self.count(&tx, counted, now).await?;
        AuditRecord::to(user_id, Event::LoginFailed, origin)
            .failed()
            .with("reason", wrong.as_str())
            .with("known_device", device.is_some())
            .insert(&tx, &self.metrics, now)
            .await?;
        self.note_lock(&tx, counted, failures, origin, now).await?;
        tx.commit().await
    }

    /// Counts one wrong password or second factor.
    pub(crate) async fn count(
        &self,
        tx: &Transaction,
        user_id: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Option<FailedLogin>, StoreError> {
        users::record_failed_login(tx, user_id.unwrap_or(Uuid::nil()), &self.settings.lockout.store(), now).await
    }

    /// Records that a failure locked the account, if it did.
    pub(crate) async fn note_lock(
        &self,
        tx: &Transaction,
        user_id: Option<Uuid>,
        counted: Option<FailedLogin>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let Some(counted) = counted.filter(|counted| counted.locked_now) else {
            return Ok(());
        };
        let until = counted.locked_until.map(OffsetDateTime::unix_timestamp);
        AuditRecord::to(user_id, Event::AccountLocked, origin)
            .with("failures", counted.failures)
            .with("locked_until", until)
            .insert(tx, &self.metrics, now)
            .await
    }
}

impl Lockout {
    fn store(&self) -> users::Lockout {
        users::Lockout {
            attempts: i32::try_from(self.attempts).unwrap_or(i32::MAX),
            window: self.window,
            duration: self.duration,
            max: self.max,
        }
    }
}
