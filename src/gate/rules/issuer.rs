//! The requirements for tokens of an issuer.

use std::{sync::Arc, time::Duration};

use crate::{keys::Algorithm, secret::Secret};

/// The requirements for tokens of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerRules {
    /// The `iss` claim, compared byte by byte (RFC 7519 section 4.1.1).
    pub issuer: Arc<str>,
    /// The accepted audiences: a token needs one of them in `aud`.
    pub audience: Vec<Box<str>>,
    /// The accepted algorithms of this issuer's keys; the key itself decides which one.
    pub algorithms: Vec<Algorithm>,
    /// The accepted clock difference: of `nbf` and `iat`, and for other issuers of `exp`.
    pub leeway: Duration,
    /// The claims that a token needs besides `iss`, `sub`, `aud` and `exp`.
    pub require: Vec<RequiredClaim>,
    /// The required `typ` (`at+jwt` for our own tokens, RFC 9068 section 2.1); `None` accepts any that is not known to
    /// be another kind.
    pub typ: Option<Box<str>>,
    /// The names of claims at this issuer.
    pub claims: ClaimNames,
    /// The source of its public keys.
    pub keys: KeySource,
}

impl IssuerRules {
    /// How long a token is accepted after its `exp`. A token of this instance's own issuer is not: a leeway is for the
    /// clocks of others, and with one the configured lifetime would not be the lifetime.
    pub fn grace(&self) -> Duration {
        match self.keys {
            KeySource::Own => Duration::ZERO,
            _ => self.leeway,
        }
    }
}

/// A claim that tokens of an issuer can be required to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredClaim {
    /// The token's id: without it one token cannot be revoked.
    Jti,
    /// The session's id: without it a session cannot be ended.
    Sid,
    /// The time at which it was issued.
    Iat,
}

impl RequiredClaim {
    /// All of them, which each of our own tokens has.
    pub const ALL: [Self; 3] = [Self::Jti, Self::Sid, Self::Iat];
}

/// The issuer's name for each claim.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// Roles: a list of strings.
    pub roles: Box<str>,
    /// Scopes: a space-separated string or a list.
    pub scope: Box<str>,
    /// Permissions: a list of strings.
    pub permissions: Box<str>,
    /// Email address.
    pub email: Box<str>,
    /// The display name.
    pub preferred_username: Box<str>,
    /// The session's id.
    pub sid: Box<str>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            roles: "roles".into(),
            scope: "scope".into(),
            permissions: "permissions".into(),
            email: "email".into(),
            preferred_username: "preferred_username".into(),
            sid: "sid".into(),
        }
    }
}

/// The source of public keys.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// This instance's own signing keys.
    Own,
    /// A JWK Set in the configuration (RFC 7517 section 5), as JSON.
    Inline(serde_json::Value),
    /// A secret shared with the issuer, for HS256.
    Secret(Secret),
    /// A JWK Set at a URL, fetched in the background.
    Url {
        /// `https://…`, or `http://…` inside a cluster.
        url: Box<str>,
        /// How long known keys are used while the URL does not answer.
        stale_ok_for: Duration,
    },
}
