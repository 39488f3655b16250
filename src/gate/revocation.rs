//! Checks whether a verified token was revoked.
//!
//! Checked at every request, cached token or not, in the view in memory. Only if the view is older than `max_lag`, the
//! route's `on_stale` decides; a known revocation denies in any case.

mod ending;
mod entries;
mod fingerprint;
mod freshness;
mod streams;
mod view;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::ending::{Ending, Reason};
pub use self::fingerprint::{Fingerprints, Ids, key_fingerprint};
pub use self::view::{Standing, View, Watched};
use super::{
    caller::Caller,
    denial::Denial,
    rules::{
        Rules,
        route::{OnStale, Route},
    },
    verify::Verified,
};
use crate::store::{redis::Redis, revocations};

/// What the step needs: the view, and Redis for a stale view.
#[derive(Debug)]
pub struct Revocations {
    /// The current revocations.
    pub view: Arc<View>,
    /// Asked only for `on_stale: check`.
    pub redis: Redis,
}

/// A caller whose session is active, or who is anonymous. Only [`check`] creates one.
#[derive(Debug)]
pub struct Live {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Caller>>,
}

/// Refuses a token that was revoked.
///
/// # Errors
///
/// `Revoked`, `KeyRevoked`, `TokenOutdated`, or `RevocationUnknown` if the view is stale and the route does not accept
/// that.
pub(super) async fn check(verified: Verified, revocations: &Revocations, rules: &Rules) -> Result<Live, Denial> {
    let Verified { route, caller } = verified;
    if let Some(caller) = &caller {
        revocations.check(caller, route.on_stale, rules).await?;
    }
    Ok(Live { route, caller })
}

impl Revocations {
    /// Ends a request as soon as its caller's token is revoked. With `expiry` also when the token expires: a WebSocket
    /// could outlive it without a limit, but a download that was started in time is completed.
    pub fn watch(&self, caller: &Caller, ending: &Arc<Ending>, expiry: Option<Duration>) -> Watched {
        if let Some(left) = expiry {
            ending.at(Instant::now() + left);
        }
        self.view.watch(caller.fingerprints(), ending)
    }

    /// Checks the token of one caller.
    ///
    /// # Errors
    /// See [`check`].
    pub async fn check(&self, caller: &Caller, on_stale: OnStale, rules: &Rules) -> Result<(), Denial> {
        let standing = match (self.view.standing(&caller.fingerprints()), on_stale) {
            (Standing::Live, OnStale::Deny | OnStale::Check) if self.view.age(Instant::now()) > rules.max_lag => {
                if on_stale == OnStale::Deny {
                    return Err(Denial::RevocationUnknown);
                }
                self.ask(caller, rules.max_lag).await?
            }
            (known, _) => known,
        };
        match standing {
            Standing::Live => Ok(()),
            Standing::Revoked => Err(Denial::Revoked),
            Standing::Outdated => Err(Denial::TokenOutdated),
            Standing::KeyRevoked => Err(Denial::KeyRevoked),
        }
    }

    /// Reads the status of this one token from Redis. That there is no revocation counts only while the feed is
    /// recently complete.
    async fn ask(&self, caller: &Caller, max_lag: Duration) -> Result<Standing, Denial> {
        let (identity, fingerprints) = (&caller.identity, caller.fingerprints());
        let token = revocations::Token {
            issuer: &identity.issuer,
            jti: identity.jti().unwrap_or_default(),
            session: identity.session().unwrap_or_default(),
            user: identity.subject(),
        };
        let asked = Instant::now();
        let said = revocations::check(&self.redis, &token).await.map_err(|error| {
            tracing::warn!(%error, "the revocation view is stale and Redis does not answer: refusing");
            Denial::RevocationUnknown
        })?;
        if said.revoked {
            Ok(Standing::Revoked)
        } else if said.keys.iter().any(|kid| fingerprints.is_signed_by(kid)) {
            Ok(Standing::KeyRevoked)
        } else if said
            .user_version
            .is_some_and(|version| fingerprints.is_older_than(version))
        {
            Ok(Standing::Outdated)
        } else {
            let complete = said
                .complete_ms
                .and_then(|heartbeat| self.view.instant_of(heartbeat, said.now_ms, asked));
            if complete.is_some_and(|instant| instant.elapsed() <= max_lag) {
                Ok(Standing::Live)
            } else {
                tracing::warn!("the revocation view and the feed in Redis are stale: refusing");
                Err(Denial::RevocationUnknown)
            }
        }
    }
}

#[cfg(test)]
mod tests;
