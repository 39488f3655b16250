//! Rate limits: how many requests of one caller, address, session or route pass in a sliding window.

use std::{sync::Arc, time::Duration};

/// A named limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name in the configuration, in Redis keys and in metrics.
    pub name: Arc<str>,
    /// What is counted apart, in this order.
    pub key: Vec<KeyPart>,
    /// How many requests…
    pub limit: u32,
    /// …within this sliding window.
    pub window: Duration,
    /// What happens when Redis cannot be asked.
    pub on_store_error: OnStoreError,
}

/// A part of what is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The caller's address; IPv6 by /64, since a subscriber gets that much.
    Ip,
    /// The caller's user id; anonymous callers count by address.
    User,
    /// The session; anonymous callers count by address.
    Session,
    /// The route's id.
    Route,
}

/// What happens to a request whose limit cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStoreError {
    /// It passes.
    Allow,
    /// It is refused with 503.
    Deny,
    /// This instance counts alone.
    Local,
}
