//! A request as the gate sees it.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::target::Target;

/// A request as the gate sees it: plain data that was parsed before.
#[derive(Debug)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The host in lower case, without port.
    pub host: &'a str,
    /// The parsed request target.
    pub target: Target<'a>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The client IP, as reported by trusted proxies.
    pub address: IpAddr,
}
