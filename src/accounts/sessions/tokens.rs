//! Issues access tokens (JWT, RFC 9068).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::settings::{AccessToken, Settings};
use crate::keys::{KeyError, Keys};
use crate::secret::Secret;

/// The `typ` of the header (RFC 9068 section 2.1): another kind of JWT with the same key is not an access token.
pub const ACCESS_TYP: &str = "at+jwt";

/// The user of an access token.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The user's id, `sub`.
    pub user_id: Uuid,
    /// The canonical email address.
    pub email: &'a str,
    /// Whether it is verified.
    pub email_verified: bool,
    /// The username, if there is one.
    pub username: Option<&'a str>,
    /// Roles.
    pub roles: &'a [String],
    /// Permissions.
    pub permissions: &'a [String],
    /// The profile, members of which can become claims.
    pub profile: &'a Map<String, Value>,
    /// The claim `ver`: tokens with an older one are outdated.
    pub token_version: i32,
}

/// The session and authentication of an access token.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The session.
    pub session_id: Uuid,
    /// When the user last authenticated.
    pub auth_time: OffsetDateTime,
    /// The authentication methods (RFC 8176).
    pub amr: &'a [String],
}

/// A signed access token.
#[derive(Debug, Clone)]
pub struct Access {
    /// The JWT.
    pub token: Secret,
    /// The lifetime, in seconds from now.
    pub expires_in: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a [String],
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: Uuid,
    sid: Uuid,
    ver: i32,
    email: &'a str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    roles: &'a [String],
    permissions: &'a [String],
    amr: &'a [String],
    auth_time: i64,
    #[serde(flatten)]
    profile: Map<String, Value>,
}

/// Why no access token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The issuer's keys are not loaded (yet).
    #[error("there is no signing key yet")]
    NoKey,
    /// Signing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Issues an access token. `random` determines the jitter.
///
/// # Errors
/// When there is no key to sign with.
pub fn access(
    keys: &Keys,
    settings: &Settings,
    subject: Subject<'_>,
    proof: Proof<'_>,
    now: OffsetDateTime,
    random: u32,
) -> Result<Access, IssueError> {
    let signer = keys.signer().ok_or(IssueError::NoKey)?;
    let issued = now.unix_timestamp();
    let life = i64::try_from(life(&settings.access_token, random).as_secs()).unwrap_or(i64::MAX / 2);
    let claims = Claims {
        iss: &settings.issuer,
        sub: subject.user_id,
        aud: &settings.audience,
        exp: issued + life,
        iat: issued,
        nbf: issued,
        jti: Uuid::new_v4(),
        sid: proof.session_id,
        ver: subject.token_version,
        email: subject.email,
        email_verified: subject.email_verified,
        preferred_username: subject.username,
        roles: subject.roles,
        permissions: subject.permissions,
        amr: proof.amr,
        auth_time: proof.auth_time.unix_timestamp(),
        profile: profile_claims(&settings.access_token, subject.profile),
    };
    let token = Secret::new(signer.sign(ACCESS_TYP, &claims)?);
    let expires_in = u64::try_from(claims.exp - now.unix_timestamp()).unwrap_or_default();
    Ok(Access { token, expires_in })
}

/// `ttl` ± `jitter`, uniformly distributed: clients that signed in together must not all refresh in the same second.
fn life(settings: &AccessToken, random: u32) -> Duration {
    let unit = f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0;
    settings.ttl.mul_f64(1.0 + settings.jitter * unit)
}

/// The configured members of the profile. Registered claims are never among them: owners edit their profile, and could
/// give themselves `roles` or another's `sub`.
fn profile_claims(settings: &AccessToken, profile: &Map<String, Value>) -> Map<String, Value> {
    settings
        .profile_claims
        .iter()
        .filter(|name| !RESERVED.contains(&name.as_str()))
        .filter_map(|name| profile.get(name).map(|value| (name.clone(), value.clone())))
        .collect()
}

/// Claims that a profile cannot set: those of Sidegate, and those that applications decide by.
pub const RESERVED: [&str; 25] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sid",
    "ver",
    "email",
    "email_verified",
    "preferred_username",
    "roles",
    "permissions",
    "amr",
    "acr",
    "auth_time",
    "azp",
    "client_id",
    "scope",
    "groups",
    "entitlements",
    "act",
    "may_act",
    "cnf",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_within_five_percent_of_ten_minutes() {
        let settings = AccessToken::default();
        assert_eq!(life(&settings, 0), Duration::from_secs(570));
        assert_eq!(life(&settings, u32::MAX), Duration::from_secs(630));
        assert!((life(&settings, u32::MAX / 2).as_secs_f64() - 600.0).abs() < 0.01);
        assert_eq!(settings.longest_life(), Duration::from_secs(630));
    }

    #[test]
    fn a_profile_cannot_set_a_claim_of_ours() {
        let settings = AccessToken {
            profile_claims: vec!["tenant_id".into(), "roles".into(), "absent".into()],
            ..Default::default()
        };
        let profile = serde_json::json!({"tenant_id": "t1", "roles": ["admin"], "other": 1});
        let claims = profile_claims(&settings, profile.as_object().unwrap());
        assert_eq!(Value::Object(claims), serde_json::json!({"tenant_id": "t1"}));
    }
}
