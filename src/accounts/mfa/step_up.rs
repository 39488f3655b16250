//! Step-up: an active session gets a (recent) second factor, because a route requires it.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::accounts::mfa::error::MfaError;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::method::{AMR, Factor};
use crate::accounts::mfa::verdict::Verdict;
use crate::accounts::sessions::access::{AccessTokens, SessionOf};
use crate::accounts::sessions::tokens::{Access, Proof};
use crate::audit::Origin;
use crate::metrics::Metrics;
use crate::store::postgres::Postgres;
use crate::store::sessions;

/// A step-up token: an access token of a session after a step-up.
#[derive(Debug)]
pub struct Raised {
    /// The token; access tokens of later refreshes contain the second factor too.
    pub access: Access,
}

/// Adds a second factor to a session.
pub struct StepUp {
    pub(crate) factors: Arc<Factors>,
    pub(crate) postgres: Postgres,
    pub(crate) access_tokens: Arc<AccessTokens>,
    pub(crate) metrics: Arc<Metrics>,
}

impl StepUp {
    /// Verifies a second factor and adds it to the session.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn verify(
        &self,
        by: SessionOf,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Raised, MfaError> {
        self.factors.limit_signed_in(by.user_id, origin, now).await?;
        let shown = self.factors.shown(by.user_id, factor).await?;
        let tx = self.postgres.transaction("mfa_verify").await?;
        let user = self.factors.hold(&tx, by.user_id).await?;
        if !self.factors.status(&tx, &user).await?.is_enabled() {
            return Err(MfaError::NotEnabled);
        }
        if self.factors.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
            tx.commit().await?;
            return Err(MfaError::WrongCode);
        }
        let amr = AMR.map(str::to_owned);
        if !sessions::set_proof(&tx, by.session_id, user.id, &amr, now).await? {
            return Err(MfaError::SessionEnded);
        }
        let proof = Proof {
            session_id: by.session_id,
            auth_time: now,
            amr: &amr,
        };
        let access = self.access_tokens.issue(&user, proof, now).map_err(Failure::from)?;
        tx.commit().await?;
        self.metrics.tokens_issued.with_label_values(&["access", "mfa"]).inc();
        Ok(Raised { access })
    }
}
