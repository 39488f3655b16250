//! `issuers:`

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::{Findings, did_you_mean};
use super::super::interpolate::Environment;
use super::super::path::KeyPath;
use super::super::text::address::Url;
use super::super::text::duration::Duration;
use super::super::text::one_or_many::OneOrMany;
use super::super::text::secret::SecretSource;
use super::super::weakness;
use crate::accounts::REVOCATION_LEEWAY;
use crate::gate::rules::issuer::{ClaimNames, IssuerRules, KeySource, RequiredClaim};
use crate::keys;
use crate::keys::VerifyingKey;

/// An issuer whose tokens are accepted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Issuer {
    /// The claim `iss` of its tokens, compared byte by byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub issuer: Option<Url>,
    /// The URL of its public keys. Either this, `jwks` or `hs256_secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<Url>,
    /// Its public keys. Either this, `jwks_url` or `hs256_secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Jwks>,
    /// Its HS256 secret, at least 32 random bytes: anybody who knows it can sign tokens. Either this, `jwks_url` or `jwks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hs256_secret: Option<SecretSource>,
    /// The accepted values of `aud`; a token needs one of them.
    #[schemars(extend("x-required" = true))]
    pub audience: OneOrMany<String>,
    /// The accepted algorithms of its public keys.
    pub algorithms: Vec<Algorithm>,
    /// Claims with another name at this issuer: Sidegate's name to the issuer's.
    pub claims: BTreeMap<String, String>,
    /// The required `typ` in the header of its tokens, such as `at+jwt`. Default: none, `JWT` or `at+jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// The claims that its tokens need besides `sub`, `aud` and `exp`. Without `jti` or `sid`, one token or session cannot be
    /// revoked.
    pub require: Vec<Required>,
    /// The accepted clock difference.
    pub leeway: Duration,
    /// How long its last known keys are used while `jwks_url` does not answer.
    pub stale_ok_for: Duration,
}

/// A set of public keys (RFC 7517).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A signature algorithm that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA PKCS#1 1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

/// A claim that tokens can be required to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// The token's id.
    Jti,
    /// The session's id, or the issuer's own name for it.
    Sid,
    /// The time at which it was issued.
    Iat,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            issuer: None,
            jwks_url: None,
            jwks: None,
            hs256_secret: None,
            audience: OneOrMany::default(),
            algorithms: vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
            claims: BTreeMap::new(),
            typ: None,
            require: Vec::new(),
            leeway: Duration::seconds(30),
            stale_ok_for: Duration::days(1),
        }
    }
}

impl Algorithm {
    const fn settled(self) -> keys::Algorithm {
        match self {
            Self::Es256 => keys::Algorithm::Es256,
            Self::EdDsa => keys::Algorithm::EdDsa,
            Self::Rs256 => keys::Algorithm::Rs256,
        }
    }
}

impl Required {
    const fn settled(self) -> RequiredClaim {
        match self {
            Self::Jti => RequiredClaim::Jti,
            Self::Sid => RequiredClaim::Sid,
            Self::Iat => RequiredClaim::Iat,
        }
    }
}

impl Issuer {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super) fn settle(
        &self,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<Arc<IssuerRules>> {
        check_audience(&self.audience.0, &at.key("audience"), findings);
        if self.algorithms.is_empty() {
            findings.add(&at.key("algorithms"), "expected at least one of ES256, EdDSA, RS256");
        }
        // In a longer leeway a token would be accepted whose revocation has expired.
        findings.range_of(
            &at.key("leeway"),
            &self.leeway,
            &(Duration::seconds(0)..=Duration(REVOCATION_LEEWAY)),
        );
        findings.range_of(
            &at.key("stale_ok_for"),
            &self.stale_ok_for,
            &(Duration::seconds(0)..=Duration::days(30)),
        );
        let typ = self
            .typ
            .as_deref()
            .map(|typ| without_application(typ, &at.key("typ"), findings));
        let claims = self.claim_names(&at.key("claims"), findings);
        let keys = self.keys(at, environment, findings);
        let issuer = findings.required(&at.key("issuer"), self.issuer.as_ref())?;
        Some(Arc::new(IssuerRules {
            issuer: issuer.to_string().into(),
            audience: self
                .audience
                .0
                .iter()
                .map(|audience| audience.as_str().into())
                .collect(),
            algorithms: if self.hs256_secret.is_some() {
                vec![keys::Algorithm::Hs256]
            } else {
                self.algorithms.iter().map(|algorithm| algorithm.settled()).collect()
            },
            leeway: self.leeway.0,
            require: self.require.iter().map(|claim| claim.settled()).collect(),
            typ,
            claims,
            keys: keys?,
        }))
    }

    fn claim_names(&self, at: &KeyPath, findings: &mut Findings) -> ClaimNames {
        const OURS: [&str; 6] = ["roles", "scope", "permissions", "email", "preferred_username", "sid"];
        let mut names = ClaimNames::default();
        for (ours, theirs) in &self.claims {
            let slot = match ours.as_str() {
                "roles" => &mut names.roles,
                "scope" => &mut names.scope,
                "permissions" => &mut names.permissions,
                "email" => &mut names.email,
                "preferred_username" => &mut names.preferred_username,
                "sid" => &mut names.sid,
                _ => {
                    let hint = did_you_mean(ours, OURS);
                    findings.add(&at.key(ours), format!("expected one of {}{hint}", OURS.join(", ")));
                    continue;
                }
            };
            if theirs.split('.').any(str::is_empty) {
                findings.add(&at.key(ours), "expected the name of a claim, or a dotted path");
            }
            *slot = theirs.as_str().into();
        }
        names
    }

    fn keys(&self, at: &KeyPath, environment: Environment<'_>, findings: &mut Findings) -> Option<KeySource> {
        match (&self.jwks_url, &self.jwks, &self.hs256_secret) {
            (Some(url), None, None) => {
                if !url.is_https() {
                    findings.warn(
                        &at.key("jwks_url"),
                        "is http: anybody who can change the response can forge tokens",
                    );
                }
                Some(KeySource::Url {
                    url: url.to_string().into(),
                    stale_ok_for: self.stale_ok_for.0,
                })
            }
            (None, Some(jwks), None) => {
                let at = at.key("jwks").key("keys");
                if jwks.keys.is_empty() {
                    findings.add(&at, "expected at least one key");
                }
                let mut ids = BTreeMap::new();
                for (index, key) in jwks.keys.iter().enumerate() {
                    match VerifyingKey::from_jwk(&serde_json::Value::Object(key.clone())) {
                        Err(error) => findings.add(&at.index(index), error.to_string()),
                        // Tokens name their key by its id: of two keys, one would verify nothing.
                        Ok(key) => {
                            if let Some(first) = ids.insert(key.kid().to_owned(), index) {
                                findings.add(&at.index(index), format!("has the same `kid` as keys[{first}]"));
                            }
                        }
                    }
                }
                Some(KeySource::Inline(serde_json::json!({ "keys": jwks.keys })))
            }
            (None, None, Some(source)) => {
                if self.algorithms != Self::default().algorithms {
                    findings.add(
                        &at.key("algorithms"),
                        "applies to public keys only: with `hs256_secret` the algorithm is HS256",
                    );
                }
                let at = at.key("hs256_secret");
                let secret = source.fetch(&at, environment, findings)?;
                match VerifyingKey::from_secret(&secret) {
                    // Anybody who guesses it can sign tokens for every account.
                    Ok(_) if weakness::report_text(secret.expose(), &at, findings) => None,
                    Ok(_) => Some(KeySource::Secret(secret)),
                    Err(error) => {
                        findings.add(&at, error.to_string());
                        None
                    }
                }
            }
            // With a secret beside public keys, a token could choose how it is verified.
            _ => {
                findings.add(
                    at,
                    "expected one of `jwks_url`, `jwks` and `hs256_secret`, and only one",
                );
                None
            }
        }
    }
}

/// A `typ` as it is compared: RFC 7515 section 4.1.9 recommends to leave `application/` out.
fn without_application(typ: &str, at: &KeyPath, findings: &mut Findings) -> Box<str> {
    let name = typ.strip_prefix("application/").unwrap_or(typ);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
        findings.expected(at, "a media type such as at+jwt", format_args!("{typ:?}"));
    }
    name.into()
}

/// Checks the audience: without one, a token for another service would be accepted too.
pub(in super::super) fn check_audience(audience: &[String], at: &KeyPath, findings: &mut Findings) {
    if audience.is_empty() {
        findings.add(at, "is required: the accepted values of `aud`");
    }
    for (index, name) in audience.iter().enumerate() {
        if name.is_empty() {
            findings.add(at, "expected a name, got \"\"");
        }
        if audience[..index].contains(name) {
            findings.add(at, format!("{name:?} is listed twice"));
        }
    }
}
