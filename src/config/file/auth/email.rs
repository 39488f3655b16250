//! `auth.email`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::settings;

/// Verification of email addresses.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Whether an account can be used before its email address is verified.
    pub verification: Verification,
}

/// Whether an account can be used before its email address is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// A sign-in requires a verified email address.
    Required,
    /// The claim `email_verified` says whether it is verified, and applications decide.
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
