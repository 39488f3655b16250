//! Second factors, for an operator.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::method::Method;
use crate::accounts::mfa::status::MfaStatus;
use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::error::OperatorError;
use crate::accounts::operator::held::held;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::revoker::Revoker;
use crate::mail::{Message, Queue};
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};
use crate::store::{StoreError, factors};

/// Shows and removes the second factors of an account.
pub struct FactorReset {
    pub(crate) factors: Arc<Factors>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
}

impl FactorReset {
    /// The second factors of an account.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn status_of(&self, user: &User) -> Result<MfaStatus, StoreError> {
        self.factors.status(&self.postgres, user).await
    }

    /// Removes every second factor of an account, and outdates its access tokens, which may contain one; `false` if it
    /// had none. The owner is notified by email, because somebody else may have talked the operator into it.
    ///
    /// # Errors
    /// When the account does not exist any more, the operator lacks the permission, or it is the operator's own:
    /// operators remove their own factors with password and factor, as all users do, so that a stolen token is not
    /// enough.
    pub async fn reset(&self, user: &User, by: &Operator, now: OffsetDateTime) -> Result<bool, OperatorError> {
        by.not_oneself(user)?;
        let tx = self.postgres.transaction("mfa_reset").await?;
        let user = held(&tx, user.id, by).await?;
        let had_totp = factors::delete(&tx, user.id).await?;
        let had_email = user.mfa_email_enabled_at.is_some();
        factors::delete_recovery_codes(&tx, user.id).await?;
        users::set_mfa_email(&tx, user.id, None).await?;
        let had = [(had_totp, Method::Totp.as_str()), (had_email, "email")];
        for (_, method) in had.into_iter().filter(|(had, _)| *had) {
            by.audit(user.id, Event::MfaRemoved)
                .with("method", method)
                .with("by", "operator")
                .insert(&tx, &self.metrics, now)
                .await?;
            let message = Message::MfaRemoved {
                method: method.to_owned(),
            };
            self.mail.tell(&tx, &user, message, now).await?;
        }
        let removed = had_totp || had_email;
        let version = if removed {
            users::outdate(&tx, user.id).await?
        } else {
            None
        };
        let mut outdated = Vec::new();
        if let Some(version) = version {
            outdated = self.sessions.record_outdated(&tx, user.id, version, now).await?;
        }
        tx.commit().await?;
        self.revoker.publish(&outdated).await;
        Ok(removed)
    }
}
