//! `auth.email`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::settings;

/// Whether addresses must be proven.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Whether an account can be used before its address is proven.
    pub verification: Verification,
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

impl Email {
    pub(super) fn settings(&self) -> settings::Email {
        settings::Email {
            verification: match self.verification {
                Verification::Required => settings::Verification::Required,
                Verification::Optional => settings::Verification::Optional,
            },
        }
    }
}
