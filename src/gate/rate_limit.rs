//! Applies the rate limits of the route.

mod key;
mod lease;
mod limiter;

use std::sync::Arc;

use time::OffsetDateTime;

pub use self::{key::Key, limiter::Limiter};
use super::{
    caller::Caller,
    denial::{Denial, LimitState},
    request::Request,
    revocation::Live,
    rules::route::Route,
};

/// A caller within the limits. Only [`take`] creates one.
#[derive(Debug)]
pub struct Metered {
    pub(super) route: Arc<Route>,
    pub(super) caller: Option<Arc<Caller>>,
    /// The state of each limit of the route for the caller.
    pub(super) limits: Vec<LimitState>,
}

/// Takes one request from each limit of the route.
///
/// # Errors
/// `RateLimited`, or `LimitUnknown` if Redis does not answer and the limit has `on_store_error: deny`.
pub(super) async fn take(
    live: Live,
    limiter: &Limiter,
    request: &Request<'_>,
    now: OffsetDateTime,
) -> Result<Metered, Denial> {
    let Live { route, caller } = live;
    let mut limits = Vec::with_capacity(route.rate_limits.len());
    for limit in &route.rate_limits {
        let identity = caller.as_deref().map(|caller| &caller.identity);
        let key = Key::of(limit, &route, identity, request.address);
        limits.push(limiter.take(limit, &key, now).await?);
    }
    Ok(Metered { route, caller, limits })
}
