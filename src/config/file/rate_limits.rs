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

/// A limit that routes refer to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// What is counted together; with several, each combination apart.
    #[schemars(extend("x-required" = true))]
    pub key: OneOrMany<Key>,
    /// How many in which time: `600/1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub limit: Option<Rate>,
    /// What to do when Redis does not answer.
    pub on_store_error: OnStoreError,
}

/// What requests have in common that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The client's address (IPv6: its /64).
    Ip,
    /// The user; an anonymous request counts by address.
    User,
    /// The session; an anonymous request counts by address.
    Session,
    /// The route.
    Route,
}

/// What to do when Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreError {
    /// Let the request through.
    Allow,
    /// Refuse it with 503.
    Deny,
    /// Count in this instance alone.
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
    /// `None` when something is wrong; `findings` says what.
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
            findings.add(&at.key("key"), "names something twice");
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
