//! `auth.audit`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::settings;

/// What the audit log holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Which refreshes are entries of their own. Every session counts all of its refreshes, and a refresh whose answer was lost
    /// is always an entry.
    pub refreshes: Refreshes,
}

/// Which refreshes are audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refreshes {
    /// Each: at a million users, tens of millions of entries a day.
    All,
    /// Those from another network or user agent than the session was last seen with.
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
