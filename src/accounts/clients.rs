//! Services of `auth.clients`: authentication, introspection and revocation.
//!
//! A client can introspect and revoke every token of this issuer: tokens are issued to users, not to clients.

use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::error::Failure;
use crate::accounts::login::limits::{Limiter, address_key};
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::refresh_token;
use crate::accounts::sessions::revoker::Revoker;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::keys::KeyUse;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::{self, Event};
use crate::store::postgres::Postgres;
use crate::store::refresh_tokens::{self, Found, Live};
use crate::store::revocations::{self, Subject};
use crate::store::sessions;

pub use super::settings::Client;

/// The credentials of a client.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: Secret,
}

/// Why a client was not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The id or the secret is wrong.
    #[error("wrong client id or secret")]
    Refused,
    /// Too many failures from this client IP.
    #[error("too many attempts")]
    RateLimited {
        /// The time until another attempt is allowed.
        retry_after: Duration,
    },
}

/// The services that can introspect and revoke tokens.
pub struct TokenClients {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
}

impl TokenClients {
    /// Authenticates a client by one of the interpretations of its credentials. From memory, so that it works while
    /// PostgreSQL is unreachable.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn authenticate(
        &self,
        presented: &[Credentials],
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<&Client, ClientError> {
        // Only failures are counted, because a service introspects with each of its requests. The limit protects the
        // audit log from being flooded; guessing a secret of 32 characters is hopeless at any rate.
        if let Some(client) = presented.iter().find_map(|credentials| self.client_of(credentials)) {
            return Ok(client);
        }
        if let Some(address) = origin.address {
            let limit = &self.settings.login_limit;
            let key = address_key(address);
            let taken = self
                .limiter
                .take("client_address", &key, limit.per_address, limit.window, now)
                .await;
            if !taken.allowed {
                return Err(ClientError::RateLimited {
                    retry_after: taken.retry_after,
                });
            }
        }
        self.note_refused(presented, origin, now).await;
        Err(ClientError::Refused)
    }

    /// Compares the MACs of two secrets, which takes the same time wherever the secrets differ.
    fn client_of(&self, credentials: &Credentials) -> Option<&Client> {
        let client = self.settings.clients.iter().find(|client| client.id == credentials.id);
        let (_, key) = self.settings.secrets.current_key(KeyUse::ClientSecret);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let expected = client.map_or("", |client| client.secret.expose());
        let expected = hmac::sign(&key, expected.as_bytes());
        let same = hmac::verify(&key, credentials.secret.expose().as_bytes(), expected.as_ref()).is_ok();
        client.filter(|_| same)
    }

    /// An unknown client id is not recorded: it could be a secret in the wrong place.
    async fn note_refused(&self, presented: &[Credentials], origin: &Origin, now: OffsetDateTime) {
        let known = |credentials: &Credentials| {
            let mut clients = self.settings.clients.iter();
            clients.find(|client| client.id == credentials.id)
        };
        let mut entry = AuditRecord::to(None, Event::ClientRefused, origin).failed();
        entry = match presented.iter().find_map(known) {
            _ if presented.is_empty() => entry.with("reason", "no_credentials"),
            Some(client) => entry.with("reason", "wrong_secret").with("client", client.id.as_str()),
            None => entry.with("reason", "unknown_client"),
        };
        if let Err(error) = entry.insert(&self.postgres, &self.metrics, now).await {
            tracing::warn!(%error, "a refused client could not be recorded in the audit log");
        }
    }

    /// A refresh token that is still valid, and its account.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn find_refresh_token(
        &self,
        presented: &Secret,
        now: OffsetDateTime,
    ) -> Result<Option<(Live, Found)>, Failure> {
        let Some(token) = refresh_token::read(&self.settings.secrets, presented.expose()) else {
            return Ok(None);
        };
        let found = refresh_tokens::find(&self.postgres, token.session_id, token.generation).await?;
        let found = found.filter(|found| found.chain.end_reason.is_none() && found.user.deleted_at.is_none());
        Ok(found.and_then(|found| {
            let live = found
                .chain
                .live
                .filter(|live| live.token_hash == token.hash && live.expires_at > now);
            live.map(|live| (live, found))
        }))
    }

    /// Revokes a single access token, not its session.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable; then nothing is revoked.
    pub async fn revoke_access(
        &self,
        of: Option<SessionOf>,
        token_id: &str,
        by: &Client,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Failure> {
        let tx = self.postgres.transaction("token_revoke").await?;
        let mut entry = AuditRecord::to(of.map(|of| of.user_id), Event::TokenRevoked, origin)
            .with("client", by.id.as_str())
            .with(audit::TOKEN_ID, token_id);
        if let Some(of) = of {
            entry = entry.session(of.session_id);
        }
        entry.insert(&tx, &self.metrics, now).await?;
        let revocation = self.sessions.revocation(Subject::Token(token_id.to_owned()), now);
        let recorded = revocations::insert(&tx, vec![revocation], now).await?;
        tx.commit().await?;
        self.revoker.publish(&recorded).await;
        Ok(())
    }

    /// Ends the session of a refresh token, even if it was used or has expired. A malformed or unknown token is not an
    /// error.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable; then nothing has ended.
    pub async fn revoke_refresh(
        &self,
        presented: &Secret,
        by: &Client,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Failure> {
        let Some(SessionOf { user_id, session_id }) = self.sessions.session_of_refresh(presented).await? else {
            return Ok(());
        };
        let tx = self.postgres.transaction("token_revoke").await?;
        let ended: Vec<Uuid> = sessions::end(&tx, user_id, sessions::Scope::This(session_id), "client", now).await?;
        if !ended.is_empty() {
            AuditRecord::to(Some(user_id), Event::TokenRevoked, origin)
                .session(session_id)
                .with("client", by.id.as_str())
                .insert(&tx, &self.metrics, now)
                .await?;
        }
        // Also if the refresh token has expired: an access token may still be valid.
        let revocations = self.sessions.record_ended(&tx, &[session_id], now).await?;
        tx.commit().await?;
        self.sessions.publish(&revocations, ended.len(), "client").await;
        Ok(())
    }
}
