//! Retries of a client whose response was lost, because the connection broke or the process died after the commit.
//! Nothing is done twice, and the client gets the response it would have got.
//!
//! A retry with a used link has to contain the password that was set with it: an old link alone, from a mailbox or a
//! log, gives no access and reveals nothing.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::accounts::login::limits::Limiter;
use crate::accounts::password::hasher::Hasher;
use crate::secret::Secret;
use crate::store::users::User;

/// The time in which a retry is accepted; clients retry within seconds.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);
/// The most attempts within that time, because each one is a guess at the password.
const TRIES: u32 = 5;

/// Recognizes a retry of a request whose response was lost.
pub struct RepeatedRequests {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) hasher: Arc<Hasher>,
}

impl RepeatedRequests {
    /// Whether this is the password that was just set. After too many attempts it is not.
    pub(crate) async fn is_set_already(
        &self,
        user: &User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        self.is_current("retry", user, password, now).await
    }

    /// Whether a reset would set the password that the account has. After too many attempts the answer is no, and the
    /// reset is executed.
    pub(crate) async fn changes_nothing(
        &self,
        user: &User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        self.is_current("reset_unchanged", user, password, now).await
    }

    async fn is_current(
        &self,
        policy: &'static str,
        user: &User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        // A limit of its own: somebody with a link must not use up the owner's sign-in attempts.
        let key = user.id.to_string();
        if !self.limiter.take(policy, &key, TRIES, WITHIN, now).await.allowed {
            return Ok(false);
        }
        let hash = user.password_hash.as_deref();
        let verified = self.hasher.verify(password, hash).await?;
        Ok(hash.is_some() && verified.matches)
    }
}
