//! A client whose answer was lost asks again: the connection broke, or the process died between the commit and the answer. What was
//! done is not done twice, and the client is answered as it would have been.
//!
//! Whoever comes again with what was used up must still know the password that was set with it, at the cost of a login: an old
//! link alone, out of a mailbox or a log, opens nothing and tells nothing.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::accounts::login::limits::Limiter;
use crate::accounts::password::hasher::Hasher;
use crate::secret::Secret;
use crate::store::users::User;

/// How long an answer may be asked for again. Clients that retry do so within seconds; later it is somebody else.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);
/// How often within that time. Each try is a guess at a password.
const TRIES: u32 = 5;

/// Recognizes a request that is sent again because its answer was lost.
pub struct RepeatedRequests {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) hasher: Arc<Hasher>,
}

impl RepeatedRequests {
    /// Whether this is the password that was set a moment ago. After too many tries it is not.
    pub(crate) async fn is_set_already(
        &self,
        user: &User,
        password: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        // A window of its own: whoever holds a used link must not spend the owner's tries at signing in.
        let key = user.id.to_string();
        if !self.limiter.take("retry", &key, TRIES, WITHIN, now).await.allowed {
            return Ok(false);
        }
        let hash = user.password_hash.as_deref();
        let verified = self.hasher.verify(password, hash).await?;
        Ok(hash.is_some() && verified.matches)
    }
}
