//! `auth.email`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::duration::Duration;
use crate::accounts::settings;

/// Whether addresses must be proven, and how often letters may be asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Whether an account can be used before its address is proven.
    pub verification: Verification,
    /// How often letters may be asked for: reset links, and codes.
    pub limit: LetterLimit,
}

/// Whether an account can be used before its address is proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Nobody signs in before they proved their address.
    Required,
    /// Tokens say whether the address is proven (`email_verified`); applications decide.
    #[default]
    Optional,
}

/// How often letters may be asked for, in a sliding window.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LetterLimit {
    /// From one client address (IPv6: from one /64).
    pub per_address: u32,
    /// To one mailbox, whoever asks.
    pub per_account: u32,
    /// The window of both.
    pub window: Duration,
}

impl Email {
    pub(super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        let limit = at.key("limit");
        for (key, value) in [
            ("per_address", self.limit.per_address),
            ("per_account", self.limit.per_account),
        ] {
            findings.range(&limit.key(key), value.into(), 1..=1_000_000);
        }
        let window = Duration::seconds(1)..=Duration::days(1);
        findings.range_of(&limit.key("window"), &self.limit.window, &window);
    }

    pub(super) fn settings(&self) -> settings::Email {
        settings::Email {
            verification: match self.verification {
                Verification::Required => settings::Verification::Required,
                Verification::Optional => settings::Verification::Optional,
            },
            limit: settings::LetterLimit {
                per_address: self.limit.per_address,
                per_account: self.limit.per_account,
                window: self.limit.window.0,
            },
        }
    }
}

impl Default for LetterLimit {
    fn default() -> Self {
        Self {
            per_address: 20,
            per_account: 5,
            window: Duration::minutes(15),
        }
    }
}
