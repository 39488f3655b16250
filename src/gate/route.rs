//! Finds the route of a request.
//!
//! The most specific one wins: an exact host before a wildcard before none, then segment by segment a literal before
//! `*` before `**`. Paths are compared segment by segment, so `/public/**` never matches `/publicity`.

use std::sync::Arc;

use super::{
    denial::Denial,
    request::Request,
    rules::{Rules, route::Route, spelling::Unusual},
};

/// A request with its route. Only [`find`] creates one.
#[derive(Debug)]
pub struct Routed {
    pub(super) route: Arc<Route>,
}

/// Finds the route of a request.
///
/// # Errors
/// `RouteNotFound`; or why the path is malformed, if its spelling is not allowed on this route.
pub(super) fn find(request: &Request<'_>, rules: &Rules) -> Result<Routed, Denial> {
    let table = &rules.routes;
    let target = &request.target;
    let route = table
        .find(request.host, target.path(), request.method)
        .ok_or(Denial::RouteNotFound)?;
    if let Some(malformed) = target.beyond(route.tolerated) {
        return Err(malformed.into());
    }
    // An allowed spelling is not trusted: if a lenient upstream would serve it as the path of another route, that
    // route's rules would be bypassed (`//admin`, allowed by a public `/**` with `double_slash`).
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
