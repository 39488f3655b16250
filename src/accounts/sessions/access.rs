//! Access tokens for users.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::sessions::pair::Pair;
use crate::accounts::sessions::tokens::{self, Access, IssueError, Proof, Subject};
use crate::accounts::settings::Settings;
use crate::keys::{Keys, random};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::users::User;

/// The user and session of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOf {
    /// `sub`.
    pub user_id: Uuid,
    /// `sid`.
    pub session_id: Uuid,
}

/// Issues access tokens.
pub struct AccessTokens {
    pub(crate) keys: Arc<Keys>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AccessTokens {
    /// Issues an access token for a user.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn issue(&self, user: &User, proof: Proof<'_>, now: OffsetDateTime) -> Result<Access, IssueError> {
        let subject = Subject {
            user_id: user.id,
            email: &user.email,
            email_verified: user.email_verified_at.is_some(),
            username: user.username.as_deref(),
            roles: &user.roles,
            permissions: &user.permissions,
            profile: &user.profile,
            token_version: user.token_version,
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

    /// The token response with a new access token and this refresh token.
    pub(crate) fn pair(
        &self,
        user: &User,
        proof: Proof<'_>,
        refresh: &Secret,
        refresh_expires_at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Pair, IssueError> {
        let session_id = proof.session_id;
        let access = self.issue(user, proof, now)?;
        Ok(Pair {
            access_token: access.token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: access.expires_in,
            refresh_token: refresh.expose().to_owned(),
            refresh_expires_in: u64::try_from((refresh_expires_at - now).whole_seconds()).unwrap_or_default(),
            session_id,
        })
    }

    pub(crate) fn count(&self, grant: &str) {
        for kind in ["access", "refresh"] {
            self.metrics.tokens_issued.with_label_values(&[kind, grant]).inc();
        }
    }
}
