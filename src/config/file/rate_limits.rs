//! `rate_limits:`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::name::Name;
use super::super::text::one_or_many::OneOrMany;
use super::super::text::rate::Rate;
use crate::gate::rules::rate_limit;

/// A rate limit that routes use by name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// The key that requests are counted by; with several, each combination is counted.
    #[schemars(extend("x-required" = true))]
    pub key: OneOrMany<Key>,
    /// Requests per sliding window, such as `600/1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub limit: Option<Rate>,
    /// What to do while Redis does not answer.
    pub on_store_error: OnStoreError,
}

/// A key that requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The client IP (IPv6: its /64).
    Ip,
    /// The user; anonymous requests are counted by client IP.
    User,
    /// The session; anonymous requests are counted by client IP.
    Session,
    /// The route.
    Route,
}

/// What to do while Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreError {
    /// Allow the request.
    Allow,
    /// Refuse it with 503.
    Deny,
    /// Count on this instance only.
    Local,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            key: OneOrMany::default(),
            limit: None,
            on_store_error: OnStoreError::Local,
        }
    }
}

impl RateLimit {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super) fn settle(
        &self,
        name: &Name,
        at: &KeyPath,
        findings: &mut Findings,
    ) -> Option<Arc<rate_limit::RateLimit>> {
        let keys = &self.key.0;
        if keys.is_empty() {
            findings.add(&at.key("key"), "is required: one or more of ip, user, session, route");
        }
        if keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key)) {
            findings.add(&at.key("key"), "lists a key twice");
        }
        let rate = findings.required(&at.key("limit"), self.limit.as_ref())?;
        Some(Arc::new(rate_limit::RateLimit {
            name: name.as_str().into(),
            key: keys
                .iter()
                .map(|key| match key {
                    Key::Ip => rate_limit::KeyPart::Ip,
                    Key::User => rate_limit::KeyPart::User,
                    Key::Session => rate_limit::KeyPart::Session,
                    Key::Route => rate_limit::KeyPart::Route,
                })
                .collect(),
            limit: rate.limit,
            window: rate.window.0,
            on_store_error: match self.on_store_error {
                OnStoreError::Allow => rate_limit::OnStoreError::Allow,
                OnStoreError::Deny => rate_limit::OnStoreError::Deny,
                OnStoreError::Local => rate_limit::OnStoreError::Local,
            },
        }))
    }
}
