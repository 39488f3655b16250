//! `identity_headers:`, at the top and in a route.

use std::collections::BTreeMap;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::duration::Duration;
use crate::gate::rules::assertion;
use crate::gate::rules::header_pattern::{HeaderPattern, OF_OTHER_PROXIES};
use crate::gate::rules::identity_headers::{self, Plan, Planned, Source};
use crate::gate::rules::reserved_headers::{may_be_added, may_be_stripped};

/// The headers that tell the application who is calling.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityHeaders {
    /// The names of the headers. Default: `oauth2-proxy`; in a route: that of the top level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Additional headers, each with its claim. Those of a route are added to those of the top level.
    pub add: BTreeMap<String, Add>,
    /// Identity headers of other proxies, removed from every request: names, or their beginnings with `*`. Not in a route. Default:
    /// those of Envoy, nginx, oauth2-proxy, authentik, Pomerium, Kong, Cloudflare and the large clouds (docs/requests.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip: Option<Vec<String>>,
    /// The signed identity assertion, bound to one method, host and path. Default: none is sent; in a route: as at the top level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
}

/// The signed identity assertion: a JWT that the application verifies with the keys at `/.well-known/sidegate/jwks.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Assertion {
    /// Whether it is sent. Default: true. A route can turn it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The name of the header. Default: `X-Sidegate-Assertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The lifetime of an assertion, 1s to 60s. Default: 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}

/// A set of header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `X-Forwarded-User`, `-Email`, `-Preferred-Username`, `-Groups`, `X-Auth-Session`.
    #[serde(rename = "oauth2-proxy")]
    OAuth2Proxy,
    /// `Remote-User`, `-Email`, `-Name`, `-Groups`.
    Authelia,
    /// Only the headers under `add`.
    None,
}

/// A header with the value of a claim.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Add {
    /// The claim, or a dotted path into one. The header is not set if the token does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub claim: Option<String>,
    /// The separator between the elements of a list. Default: `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
}

impl IdentityHeaders {
    /// The headers of a route: its own settings over those of the top level.
    pub(in super::super) fn plan(&self, top: &Self) -> Plan {
        let preset = match self.preset.or(top.preset).unwrap_or(Preset::OAuth2Proxy) {
            Preset::OAuth2Proxy => identity_headers::Preset::Oauth2Proxy,
            Preset::Authelia => identity_headers::Preset::Authelia,
            Preset::None => identity_headers::Preset::None,
        };
        let mut headers = preset.headers();
        for (name, add) in top.add.iter().chain(&self.add) {
            // Both were checked before: a mistake in them has been reported.
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
        Plan {
            headers,
            assertion: self.terms(top),
        }
    }

    fn terms(&self, top: &Self) -> Option<assertion::AssertionRule> {
        let written: Vec<_> = self.assertion.iter().chain(&top.assertion).collect();
        if !written.first()?.enabled.unwrap_or(true) {
            return None;
        }
        let header = written.iter().find_map(|assertion| assertion.header.as_deref());
        let ttl = written.iter().find_map(|assertion| assertion.ttl);
        Some(assertion::AssertionRule {
            // It was checked before.
            header: HeaderName::from_bytes(header.unwrap_or(assertion::DEFAULT_HEADER).as_bytes()).ok()?,
            ttl: ttl.map_or(assertion::DEFAULT_TTL, |ttl| ttl.0),
        })
    }

    /// The valid header names under `add` and of the assertion.
    pub(in super::super) fn names(&self) -> impl Iterator<Item = HeaderName> {
        let assertion = self.assertion.iter().filter_map(|assertion| assertion.header.as_ref());
        self.add
            .keys()
            .chain(assertion)
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
    }

    /// The patterns under `strip`, or the default ones.
    pub(in super::super) fn stripped(&self) -> Vec<HeaderPattern> {
        let parse = |pattern: &str| pattern.parse().ok();
        match &self.strip {
            // A mistake in one of them has been reported.
            Some(written) => written.iter().filter_map(|pattern| parse(pattern)).collect(),
            None => OF_OTHER_PROXIES.into_iter().filter_map(parse).collect(),
        }
    }

    fn check_strip(&self, at: &KeyPath, findings: &mut Findings) {
        for (index, written) in self.strip.iter().flatten().enumerate() {
            let at = at.index(index);
            match written.parse::<HeaderPattern>() {
                Err(error) => findings.add(&at, format!("{error}, got {written:?}")),
                Ok(pattern) if !may_be_stripped(&pattern) => findings.add(
                    &at,
                    "matches a header that frames, routes or authenticates the request itself",
                ),
                Ok(_) => {}
            }
        }
    }

    /// Checks the settings of a route.
    pub(in super::super) fn check_in_route(&self, at: &KeyPath, findings: &mut Findings) {
        if self.strip.is_some() {
            findings.add(&at.key("strip"), "applies to all routes: write it at the top level");
        }
        self.check(at, findings);
    }

    pub(in super::super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        self.check_strip(&at.key("strip"), findings);
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        if let Some(assertion) = &self.assertion {
            let name = assertion.check(&at.key("assertion"), findings);
            seen.insert(folded(name), name);
        }
        for (written, add) in &self.add {
            let at = at.key("add").key(written);
            // An application may treat `_` like `-`: of two such headers it would see one or the other.
            if let Some(other) = seen.insert(folded(written), written) {
                findings.add(&at, format!("is the same header as `{other}`"));
            }
            match HeaderName::from_bytes(written.as_bytes()) {
                Err(_) => findings.add(&at, "is not the name of a header"),
                Ok(name) if !may_be_added(&name) => {
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
            if let Some(join) = &add.join {
                check_separator(join, &at.key("join"), findings);
            }
        }
    }
}

impl Assertion {
    /// The configured name, valid or not.
    fn check(&self, at: &KeyPath, findings: &mut Findings) -> &str {
        if let Some(ttl) = &self.ttl {
            let range = Duration::seconds(1)..=Duration(assertion::LONGEST_TTL);
            findings.range_of(&at.key("ttl"), ttl, &range);
        }
        let written = self.header.as_deref().unwrap_or(assertion::DEFAULT_HEADER);
        let at = at.key("header");
        match HeaderName::from_bytes(written.as_bytes()) {
            Err(_) => findings.add(&at, "is not the name of a header"),
            Ok(name) if !may_be_added(&name) => {
                findings.add(
                    &at,
                    "frames, routes or authenticates the request itself and cannot carry an identity",
                );
            }
            // Only one of the two would be sent, and an application that verifies the other would see no user.
            Ok(name) if identity_headers::Preset::ALL.iter().any(|preset| preset.sets(&name)) => {
                findings.add(&at, "is a header of a preset");
            }
            Ok(_) => {}
        }
        written
    }
}

/// Checks the separator of a list. It is encoded as `%2C` within the items, so that letters, digits and `%` would stay
/// ambiguous; and without a separator, two lists could have one text.
fn check_separator(join: &str, at: &KeyPath, findings: &mut Findings) {
    let separates = |byte: u8| byte == b' ' || (byte.is_ascii_punctuation() && byte != b'%');
    if join.is_empty() || !join.bytes().all(separates) {
        findings.expected(
            at,
            "ASCII punctuation other than %, or spaces",
            format_args!("{join:?}"),
        );
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}
