//! Finds the route of a request.
//!
//! The most specific one wins: an exact host before a wildcard before none, then segment by segment a literal before
//! `*` before `**`. Paths are compared segment by segment, so `/public/**` never matches `/publicity`.

use std::sync::Arc;

use super::{
    denial::Denial,
    request::Request,
    rules::{Rules, route::Route},
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
    // An allowed spelling is not trusted: if an application could read it as the path of another route, that route's
    // rules would be bypassed (`//admin` or `/;a%2Fx/admin`, allowed by a public `/**`).
    let leads_here = |reading: &str| {
        let found = table.find(request.host, reading, request.method);
        found.is_some_and(|found| Arc::ptr_eq(found, route)) && !table.is_reserved(reading)
    };
    if !target.every_reading(leads_here) {
        return Err(target.ambiguity().into());
    }
    // The application sees only the rest, which can have readings of its own.
    if let Some(prefix) = &route.strip_prefix
        && !target.every_reading_below(prefix, |reading| leads_here(&[&**prefix, reading].concat()))
    {
        return Err(target.ambiguity().into());
    }
    Ok(Routed {
        route: Arc::clone(route),
    })
}

#[cfg(test)]
mod tests;
