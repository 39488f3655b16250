//! `auth.mfa:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::address::Url;
use crate::accounts::settings::{self, MFA_ISSUER_MAX};

/// Second factors.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mfa {
    /// The name of this service in authenticator apps. Default: the host of `server.public_url`, else of `auth.issuer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

impl Mfa {
    pub(super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        let Some(issuer) = &self.issuer else { return };
        // A colon separates issuer and account in the label of an otpauth URI.
        let legal = |c: char| !c.is_control() && c != ':';
        let length = issuer.chars().count();
        if issuer.trim().is_empty() || length > MFA_ISSUER_MAX || !issuer.chars().all(legal) {
            let expected = format!("1 to {MFA_ISSUER_MAX} characters without a colon, such as Example");
            findings.expected(&at.key("issuer"), expected, format_args!("{issuer:?}"));
        }
    }

    /// Checks the name; `url` is the URL of this service.
    pub(super) fn settings(&self, url: &Url) -> settings::Mfa {
        settings::Mfa {
            issuer: self.issuer.clone().unwrap_or_else(|| url.host()),
        }
    }
}
