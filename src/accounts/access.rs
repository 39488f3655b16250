//! Access tokens for users, and the one place where an expired one is still believed: to end its session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::pair::Pair;
use super::tokens::{self, Access, IssueError, Proof, Subject};
use super::{Accounts, Settings};
use crate::keys::{Keys, random};
use crate::secret::Secret;
use crate::store::refresh_tokens::RefreshToken;
use crate::store::users::User;

/// Whose session an access token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SessionOf {
    /// `sub`.
    #[serde(rename = "sub")]
    pub user_id: Uuid,
    /// `sid`.
    #[serde(rename = "sid")]
    pub session_id: Uuid,
}

impl Accounts {
    /// Makes an access token for a user.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn access(&self, user: &User, proof: Proof<'_>, now: OffsetDateTime) -> Result<Access, IssueError> {
        let subject = Subject {
            user_id: user.id,
            email: &user.email,
            email_verified: user.email_verified_at.is_some(),
            username: user.username.as_deref(),
            roles: &user.roles,
            permissions: &user.permissions,
            profile: &user.profile,
            tokens_valid_after: user.tokens_valid_after,
        };
        tokens::access(
            &self.keys,
            &self.settings,
            subject,
            proof,
            now,
            u32::from_be_bytes(random::bytes()),
        )
    }

    /// The answer that goes with the refresh token of a row.
    pub(super) fn pair(
        &self,
        user: &User,
        row: &RefreshToken,
        refresh: &Secret,
        now: OffsetDateTime,
    ) -> Result<Pair, IssueError> {
        let proof = Proof {
            session_id: row.session_id,
            auth_time: row.auth_time,
            amr: &row.amr,
        };
        let access = self.access(user, proof, now)?;
        Ok(Pair {
            access_token: access.token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: access.expires_in,
            refresh_token: refresh.expose().to_owned(),
            refresh_expires_in: u64::try_from((row.expires_at - now).whole_seconds()).unwrap_or_default(),
            session_id: row.session_id,
        })
    }

    /// Reads an access token of ours whose signature is right, expired or not: only to end the session it belongs to.
    /// Nothing is granted by it.
    pub fn session_of(&self, token: &str) -> Option<SessionOf> {
        read(&self.keys, &self.settings, token)
    }
}

fn read(keys: &Keys, settings: &Settings, token: &str) -> Option<SessionOf> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        typ: String,
        kid: String,
        crit: Option<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Issued {
        iss: String,
        #[serde(flatten)]
        session: SessionOf,
    }
    let (input, signature) = token.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let key = keys.current().find(&settings.issuer, Some(&header.kid))?;
    let right = header.typ.eq_ignore_ascii_case(tokens::ACCESS_TYP)
        && header.crit.is_none()
        && header.alg == key.algorithm().name()
        && key.verify(input.as_bytes(), signature);
    if !right {
        return None;
    }
    let issued: Issued = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (issued.iss == settings.issuer).then_some(issued.session)
}
