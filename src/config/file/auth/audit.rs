//! `auth.audit`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::settings;

/// Which events the audit log contains.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Which refreshes are audit entries. Every session counts all of its refreshes, and a refresh whose response was lost is always an entry.
    pub refreshes: Refreshes,
}

/// Which refreshes are audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refreshes {
    /// All: with a million users, tens of millions of entries a day.
    All,
    /// Those from another network or user agent than at the session's last refresh.
    Changes,
    /// None.
    None,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            refreshes: Refreshes::Changes,
        }
    }
}

impl Audit {
    pub(super) const fn refreshes(&self) -> settings::AuditRefreshes {
        match self.refreshes {
            Refreshes::All => settings::AuditRefreshes::All,
            Refreshes::Changes => settings::AuditRefreshes::Changes,
            Refreshes::None => settings::AuditRefreshes::None,
        }
    }
}
