//! Whether a genuine token is still alive.
//!
//! Asked on every request, cached token or not, against the view in memory. Only when the view is older than `max_lag`
//! does the route's `on_stale` decide, and a known revocation denies whatever it says.

mod ending;
mod streams;
mod view;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

pub use self::ending::{Ending, Reason};
pub use self::streams::Watched;
pub use self::view::{Fingerprints, Kind, Standing, View};
use super::{
    caller::Caller,
    denial::Denial,
    identity::Identity,
    rules::{
        Rules,
        route::{OnStale, Route},
    },
    verify::Verified,
};
use crate::store::{redis::Redis, revocations};

/// What the step needs: the view, and Redis for when the view is stale.
#[derive(Debug)]
pub struct Revocations {
    /// The live revocations.
    pub view: Arc<View>,
    /// Asked only by `on_stale: check`.
    pub redis: Redis,
}

/// A caller whose session lives, or who is anonymous. Only [`check`] makes one.
#[derive(Debug)]
pub struct Live {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Caller>>,
}

/// Refuses a token that was revoked.
///
/// # Errors
/// `Revoked`, `TokenOutdated`, or `RevocationUnknown` when nothing recent is known and the route does not accept that.
pub(super) async fn check(
    verified: Verified,
    revocations: &Revocations,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Live, Denial> {
    let Verified { route, caller } = verified;
    if let Some(caller) = &caller {
        revocations.check(caller, route.on_stale, rules, now).await?;
    }
    Ok(Live { route, caller })
}

impl Revocations {
    /// Ends a request as soon as its caller's token is revoked. With `expiry` also when the token expires: a WebSocket
    /// could outlive it for ever, but a download that began in time may be finished.
    pub fn watch(&self, caller: &Caller, ending: &Arc<Ending>, expiry: Option<Duration>) -> Watched {
        if let Some(left) = expiry {
            ending.at(Instant::now() + left);
        }
        self.view.watch(caller.fingerprints, caller.identity.issued_at, ending)
    }

    /// The same for one caller.
    ///
    /// # Errors
    /// See [`check`].
    pub async fn check(
        &self,
        caller: &Caller,
        on_stale: OnStale,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<(), Denial> {
        let standing = self.view.standing(&caller.fingerprints, caller.identity.issued_at);
        let standing = match (standing, on_stale) {
            (Standing::Live, OnStale::Deny | OnStale::Check) if self.view.lag(now) > rules.max_lag => {
                if on_stale == OnStale::Deny {
                    return Err(Denial::RevocationUnknown);
                }
                self.ask(&caller.identity).await?
            }
            (known, _) => known,
        };
        match standing {
            Standing::Live => Ok(()),
            Standing::Revoked => Err(Denial::Revoked),
            Standing::Outdated => Err(Denial::TokenOutdated),
        }
    }

    /// Asks Redis about this one token.
    async fn ask(&self, identity: &Identity) -> Result<Standing, Denial> {
        // An absent id is asked for as an empty one, which nobody can revoke.
        let (token, session) = (
            identity.jti().unwrap_or_default(),
            identity.session().unwrap_or_default(),
        );
        match revocations::check(&self.redis, token, session, identity.subject()).await {
            Ok(said) if said.revoked => Ok(Standing::Revoked),
            Ok(said) => match said.user_valid_after {
                Some(after) if identity.issued_at <= after.unix_timestamp() => Ok(Standing::Outdated),
                _ => Ok(Standing::Live),
            },
            Err(error) => {
                tracing::warn!(%error, "the revocation view is stale and Redis does not answer: refusing");
                Err(Denial::RevocationUnknown)
            }
        }
    }
}
