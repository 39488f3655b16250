//! `auth.registration`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::duration::Duration;
use crate::accounts::settings;

/// Who can create an account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Who can register.
    pub mode: RegistrationMode,
    /// The domains of email addresses that can register. Default: any.
    pub domains: Vec<String>,
    /// Invitations, each for one email address.
    pub invitation: Invitation,
}

/// Who can register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Anybody.
    Open,
    /// Only people with an invitation (`sidegate user invite`).
    Invitation,
    /// Nobody; operators create accounts (`sidegate user create`).
    Closed,
}

/// Invitations, each for one email address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Invitation {
    /// The lifetime of an invitation.
    pub ttl: Duration,
}

impl Registration {
    pub(super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        for (index, domain) in self.domains.iter().enumerate() {
            let legal = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            };
            if !domain.contains('.') || !domain.split('.').all(legal) {
                let expected = "a domain in lower case such as example.com";
                findings.expected(&at.key("domains").index(index), expected, format_args!("{domain:?}"));
            }
        }
        let ttl = Duration::minutes(5)..=Duration::days(90);
        findings.range_of(&at.key("invitation").key("ttl"), &self.invitation.ttl, &ttl);
    }

    pub(super) fn settings(&self) -> settings::Registration {
        settings::Registration {
            mode: match self.mode {
                RegistrationMode::Open => settings::RegistrationMode::Open,
                RegistrationMode::Invitation => settings::RegistrationMode::Invitation,
                RegistrationMode::Closed => settings::RegistrationMode::Closed,
            },
            domains: self.domains.clone(),
            invitation: settings::Invitation {
                ttl: self.invitation.ttl.0,
            },
        }
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Closed,
            domains: Vec::new(),
            invitation: Invitation::default(),
        }
    }
}

impl Default for Invitation {
    fn default() -> Self {
        Self { ttl: Duration::days(7) }
    }
}
