//! Step-up: a session whose person proves a second factor now, because a route asks for a (fresh) one.

use time::OffsetDateTime;

use crate::accounts::mfa::factors::{AMR, Factor, MfaError, Verdict};
use crate::accounts::sessions::tokens::{Access, Proof};
use crate::accounts::{Accounts, Failure, Origin, SessionOf};
use crate::store::sessions;

/// An access token of a session that has just been raised.
#[derive(Debug)]
pub struct Raised {
    /// The token; refreshes of the session are as good from now on.
    pub access: Access,
}

impl Accounts {
    /// Raises a session.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn verify_mfa(
        &self,
        by: SessionOf,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Raised, MfaError> {
        self.limit_signed_in(by.user_id, origin, now).await?;
        let shown = self.shown(by.user_id, factor).await?;
        let tx = self.postgres.transaction("mfa_verify").await?;
        let user = self.hold(&tx, by.user_id).await?;
        if !self.status(&tx, &user).await?.is_enabled() {
            return Err(MfaError::NotEnabled);
        }
        if self.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
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
        let access = self.access(&user, proof, now).map_err(Failure::from)?;
        tx.commit().await?;
        self.metrics.tokens_issued.with_label_values(&["access", "mfa"]).inc();
        Ok(Raised { access })
    }
}
