//! `identity_headers:`, at the top and in a route.

use std::collections::BTreeMap;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use crate::gate::identity::{self, Plan, Planned, Source};

/// How the application is told who is calling.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityHeaders {
    /// Which names the headers have. Default: `oauth2-proxy`; in a route: that of the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Further headers: name to claim. A route's come on top of those at the top.
    pub add: BTreeMap<String, Add>,
}

/// A family of header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `X-Forwarded-User`, `-Email`, `-Preferred-Username`, `-Groups`, `X-Auth-Session`.
    #[serde(rename = "oauth2-proxy")]
    OAuth2Proxy,
    /// `Remote-User`, `-Email`, `-Name`, `-Groups`.
    Authelia,
    /// None but those under `add`.
    None,
}

/// A header that carries a claim.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Add {
    /// The claim. Absent in the token: the header is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub claim: Option<String>,
    /// What stands between the elements when the claim is a list. Default: `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
}

impl IdentityHeaders {
    /// The headers of a route: its own words over those of the top.
    pub(in super::super) fn plan(&self, top: &Self) -> Plan {
        let preset = match self.preset.or(top.preset).unwrap_or(Preset::OAuth2Proxy) {
            Preset::OAuth2Proxy => identity::Preset::Oauth2Proxy,
            Preset::Authelia => identity::Preset::Authelia,
            Preset::None => identity::Preset::None,
        };
        let mut headers = preset.headers();
        for (name, add) in top.add.iter().chain(&self.add) {
            // Both were checked before; what did not pass has stopped the start.
            let (Ok(name), Some(claim)) = (HeaderName::from_bytes(name.as_bytes()), &add.claim) else {
                continue;
            };
            let source = Source::Claim {
                name: claim.as_str().into(),
                join: add.join.as_deref().unwrap_or(",").into(),
            };
            match headers.iter_mut().find(|planned| planned.name == name) {
                Some(planned) => planned.source = source,
                None => headers.push(Planned { name, source }),
            }
        }
        Plan { headers }
    }

    /// The names under `add`, as far as they are legal.
    pub(in super::super) fn names(&self) -> impl Iterator<Item = HeaderName> {
        self.add
            .keys()
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
    }

    pub(in super::super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (written, add) in &self.add {
            let at = at.key("add").key(written);
            // An application may read `_` as `-`: an operator who writes both would get either one.
            if let Some(other) = seen.insert(written.to_ascii_lowercase().replace('_', "-"), written) {
                findings.add(&at, format!("is the same header as `{other}`"));
            }
            match HeaderName::from_bytes(written.as_bytes()) {
                Err(_) => findings.add(&at, "is not the name of a header"),
                Ok(name) if !identity::may_be_added(&name) => {
                    findings.add(
                        &at,
                        "frames, routes or authenticates the request itself and cannot carry an identity",
                    );
                }
                Ok(_) => {}
            }
            match &add.claim {
                None => findings.add(&at.key("claim"), "is required"),
                Some(claim) if claim.split('.').any(str::is_empty) => {
                    findings.add(&at.key("claim"), "expected the name of a claim, or a dotted path");
                }
                Some(_) => {}
            }
            if add
                .join
                .as_ref()
                .is_some_and(|join| !join.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
            {
                findings.add(&at.key("join"), "expected printable ASCII characters");
            }
        }
    }
}
