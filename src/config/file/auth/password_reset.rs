//! `auth.password_reset`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::duration::Duration;
use crate::accounts::settings;

/// Password reset links.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordReset {
    /// The lifetime of a link.
    pub ttl: Duration,
}

impl PasswordReset {
    pub(super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        // Anybody who can read the mailbox within this time can take over the account.
        findings.range_of(&at.key("ttl"), &self.ttl, &(Duration::minutes(1)..=Duration::days(1)));
    }

    pub(super) fn settings(&self) -> settings::PasswordReset {
        settings::PasswordReset { ttl: self.ttl.0 }
    }
}

impl Default for PasswordReset {
    fn default() -> Self {
        Self {
            ttl: Duration::minutes(30),
        }
    }
}
