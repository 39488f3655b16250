//! A request as the gate sees it.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::target::Target;

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
