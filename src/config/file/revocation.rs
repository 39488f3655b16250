//! `revocation:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::boot;
use super::super::text::duration::Duration;
use crate::gate::rules::route;

/// How old this instance's view of revocations may be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Revocation {
    /// Where revocations are read from. A verifier that trusts issuers of other products only has nowhere to read them.
    pub feed: Feed,
    /// The age of the view from which `on_stale` decides.
    pub max_lag: Duration,
    /// What to do with a token while the view is older. A route can differ.
    pub on_stale: OnStale,
}

/// Where revocations are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// The feed in Redis that a Sidegate issuer writes: `store.redis` is the issuer's.
    Redis,
    /// Nowhere: tokens of other products are accepted until they expire. Not on an issuer.
    None,
}

/// The revocation settings of a route.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteRevocation {
    /// What to do with a token while the view of revocations is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_stale: Option<OnStale>,
}

/// What to do with a token while the view of revocations is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStale {
    /// Ask Redis about this token; refuse it with 503 if Redis does not answer.
    Check,
    /// Refuse it with 503.
    Deny,
    /// Accept it, although it may have been revoked.
    Allow,
}

impl Default for Revocation {
    fn default() -> Self {
        Self {
            feed: Feed::Redis,
            max_lag: Duration::seconds(2),
            on_stale: OnStale::Check,
        }
    }
}

impl From<Feed> for boot::Feed {
    fn from(written: Feed) -> Self {
        match written {
            Feed::Redis => Self::Redis,
            Feed::None => Self::None,
        }
    }
}

impl From<OnStale> for route::OnStale {
    fn from(written: OnStale) -> Self {
        match written {
            OnStale::Check => Self::Check,
            OnStale::Deny => Self::Deny,
            OnStale::Allow => Self::Allow,
        }
    }
}
