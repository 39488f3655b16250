//! `revocation:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::duration::Duration;
use crate::gate::rules::route;

/// How old this instance's view of revocations may be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Revocation {
    /// The age of the view from which `on_stale` decides.
    pub max_lag: Duration,
    /// What to do with a token while the view is older. A route can differ.
    pub on_stale: OnStale,
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
            max_lag: Duration::seconds(2),
            on_stale: OnStale::Check,
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
