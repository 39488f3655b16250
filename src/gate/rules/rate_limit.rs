//! Rate limits: how many requests of one user, client IP, session or route are allowed in a sliding window.

use std::{sync::Arc, time::Duration};

/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name in the configuration, in Redis keys and in metrics.
    pub name: Arc<str>,
    /// The parts of the key, in this order.
    pub key: Vec<KeyPart>,
    /// The number of requests per window.
    pub limit: u32,
    /// The length of the sliding window.
    pub window: Duration,
    /// What to do while Redis does not answer.
    pub on_store_error: OnStoreError,
}

/// A part of the key that requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The client IP; IPv6 by /64, because a subscriber has that many addresses.
    Ip,
    /// The user's id; anonymous callers are counted by client IP.
    User,
    /// The session; anonymous callers are counted by client IP.
    Session,
    /// The route's id.
    Route,
}

/// What to do with a request while Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStoreError {
    /// Allow it.
    Allow,
    /// Refuse it with 503.
    Deny,
    /// Count on this instance only.
    Local,
}
