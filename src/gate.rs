//! The decision on a proxied request. This is the page; each step is the file of that name.

pub mod denial;
pub mod identity;
pub mod policy;
pub mod rate_limit;
pub mod route;
pub mod snapshot;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;

use std::net::IpAddr;

use http::{HeaderMap, Method};

use self::target::Target;

/// A request as the gate sees it: plain data, already read once.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host in lower case, without port.
    pub host: &'a str,
    /// The target.
    pub target: Target<'a>,
    /// All header fields.
    pub headers: &'a HeaderMap,
    /// The caller's address, after trusted proxies.
    pub address: IpAddr,
}
