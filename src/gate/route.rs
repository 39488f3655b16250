//! Which rule of the configuration a request falls under.
//!
//! Most specific wins: an exact host before a wildcard before none, then segment by segment a literal before `*` before
//! `**`. Paths are compared at slashes, so `/public/**` never covers `/publicity`.

use std::sync::Arc;

use super::{
    denial::Denial,
    request::Request,
    rules::{Rules, route::Route, spelling::Unusual},
};

/// A request whose route is known. Only [`find`] makes one.
#[derive(Debug)]
pub struct Routed {
    pub(super) route: Arc<Route>,
}

/// Finds the route of a request.
///
/// # Errors
/// `RouteNotFound`; or `Unreadable` when the path is spelled in a way that this route does not tolerate.
pub(super) fn find(request: &Request<'_>, rules: &Rules) -> Result<Routed, Denial> {
    let table = &rules.routes;
    let target = &request.target;
    let route = table
        .find(request.host, target.path(), request.method)
        .ok_or(Denial::RouteNotFound)?;
    if let Some(unreadable) = target.beyond(route.tolerated) {
        return Err(unreadable.into());
    }
    // Tolerated is not trusted: if a lenient upstream would serve this as the path of another route, that route's rules
    // would be skipped (`//admin` let in by a public `/**` that tolerates double slashes).
    if let Some(lenient) = target.lenient_path() {
        let other = table.find(request.host, lenient, request.method);
        if !other.is_some_and(|other| Arc::ptr_eq(other, route)) {
            return Err(target
                .beyond(Unusual::default())
                .map_or(Denial::RouteNotFound, Denial::from));
        }
    }
    Ok(Routed {
        route: Arc::clone(route),
    })
}
