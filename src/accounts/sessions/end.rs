//! Lists and ends sessions.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::error::Failure;
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::refresh_token;
use crate::accounts::sessions::revoker::{LEEWAY, Revoker};
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::redis::Redis;
use crate::store::revocations::{self, Recorded, Revocation, Subject};
use crate::store::sessions::{self, Session};
use crate::store::{StoreError, refresh_tokens, sessions_seen, users};

/// The sessions that a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = LogoutScope)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The caller's session.
    #[default]
    This,
    /// All other sessions of the user.
    Others,
    /// All sessions of the user.
    All,
}

/// Lists and ends sessions.
pub struct Sessions {
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) settings: Arc<Settings>,
}

impl Sessions {
    /// The active sessions of a user, most recently seen first. PostgreSQL knows which are active; Redis may have a
    /// more recent "last seen", because PostgreSQL is updated at a refresh only.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn list(&self, user_id: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, Failure> {
        let mut open = sessions::list(&self.postgres, user_id, now).await?;
        if open.is_empty() {
            return Ok(open);
        }
        let ids = open.iter().map(|session| session.session_id).collect::<Vec<_>>();
        match sessions_seen::find_all(&self.redis, &ids).await {
            Ok(seen) => {
                for (session, seen) in open.iter_mut().zip(seen) {
                    if let Some(seen) = seen.filter(|seen| seen.at > session.last_seen_at) {
                        session.last_seen_at = seen.at;
                        session.address = seen.address.or(session.address);
                        session.user_agent = seen.user_agent.or(session.user_agent.take());
                    }
                }
                open.sort_by_key(|session| std::cmp::Reverse(session.last_seen_at));
            }
            Err(error) => tracing::debug!(%error, "last-seen times are those of PostgreSQL"),
        }
        Ok(open)
    }

    /// Ends a session of a user; `false` if the user has no such active session.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable; then nothing has ended.
    pub async fn end_one(
        &self,
        by: SessionOf,
        session_id: Uuid,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<bool, Failure> {
        let tx = self.postgres.transaction("session_end").await?;
        let ended = sessions::end(&tx, by.user_id, sessions::Scope::This(session_id), "logout", now).await?;
        if ended.is_empty() {
            return Ok(false);
        }
        AuditRecord::by(by.user_id, Event::SessionRevoked, origin)
            .session(session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        let revocations = self.record_ended(&tx, &ended, now).await?;
        tx.commit().await?;
        self.publish(&revocations, ended.len(), "logout").await;
        Ok(true)
    }

    /// Signs a user out. Idempotent.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable; then nothing has ended.
    pub async fn logout(
        &self,
        by: SessionOf,
        scope: Scope,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Failure> {
        let tx = self.postgres.transaction("logout").await?;
        // The row is locked before the session is read, so that it cannot change in between.
        users::find_for_update(&tx, by.user_id).await?;
        let open = sessions::find(&tx, by.session_id, now)
            .await?
            .is_some_and(|found| found.user_id == by.user_id);
        // A session that has ended cannot end others: a token that was stolen last month must not sign its owner out
        // everywhere.
        let scope = if open { scope } else { Scope::This };
        let ended = self.end(&tx, by, scope, origin, now).await?;
        // The access tokens of every session, also of one that ended a minute ago.
        let version = match scope {
            Scope::All => users::outdate(&tx, by.user_id).await?,
            Scope::This | Scope::Others => None,
        };
        let mut revocations = ended.iter().map(|id| self.session_ended(*id, now)).collect::<Vec<_>>();
        if scope == Scope::This && ended.is_empty() {
            // The refresh token has expired, but an access token may still be valid.
            revocations.push(self.session_ended(by.session_id, now));
        }
        revocations.extend(version.map(|version| self.user_outdated(by.user_id, version, now)));
        let recorded = revocations::insert(&tx, revocations, now).await?;
        tx.commit().await?;
        let reason = if scope == Scope::This { "logout" } else { "logout_all" };
        self.publish(&recorded, ended.len(), reason).await;
        Ok(())
    }

    async fn end(
        &self,
        tx: &Transaction,
        by: SessionOf,
        scope: Scope,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Vec<Uuid>, StoreError> {
        let (store_scope, reason) = match scope {
            Scope::This => (sessions::Scope::This(by.session_id), "logout"),
            Scope::Others => (sessions::Scope::Others(by.session_id), "logout_all"),
            Scope::All => (sessions::Scope::All, "logout_all"),
        };
        let ended = sessions::end(tx, by.user_id, store_scope, reason, now).await?;
        if !ended.is_empty() {
            AuditRecord::by(by.user_id, Event::LoggedOut, origin)
                .session(by.session_id)
                .with("sessions", ended.len())
                .insert(tx, &self.metrics, now)
                .await?;
        }
        Ok(ended)
    }

    /// The session and account of a refresh token, also of a used one: its owner can end the session with it, which a
    /// refresh with it would do in any case.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn session_of_refresh(&self, presented: &Secret) -> Result<Option<SessionOf>, Failure> {
        let Some(token) = refresh_token::read(&self.settings.secrets, presented.expose()) else {
            return Ok(None);
        };
        let found = refresh_tokens::find(&self.postgres, token.session_id, token.generation).await?;
        Ok(found.map(|found| SessionOf {
            user_id: found.user.id,
            session_id: found.chain.session_id,
        }))
    }

    /// Ends all sessions of a user whose access tokens were outdated in this transaction, which set `version`, and
    /// records the revocations; the caller publishes them after the commit. The last of them is that of the user.
    pub(crate) async fn end_all(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        version: i32,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Recorded>, StoreError> {
        let ended = sessions::end(tx, user_id, sessions::Scope::All, reason, now).await?;
        let mut revocations = ended.iter().map(|id| self.session_ended(*id, now)).collect::<Vec<_>>();
        revocations.push(self.user_outdated(user_id, version, now));
        revocations::insert(tx, revocations, now).await
    }

    /// Records the end of sessions, in the transaction that ends them.
    pub(crate) async fn record_ended(
        &self,
        tx: &Transaction,
        ended: &[Uuid],
        now: OffsetDateTime,
    ) -> Result<Vec<Recorded>, StoreError> {
        let revocations = ended.iter().map(|id| self.session_ended(*id, now)).collect();
        revocations::insert(tx, revocations, now).await
    }

    /// Records that a user's access tokens are outdated, in the transaction that set `version`.
    pub(crate) async fn record_outdated(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        version: i32,
        now: OffsetDateTime,
    ) -> Result<Vec<Recorded>, StoreError> {
        revocations::insert(tx, vec![self.user_outdated(user_id, version, now)], now).await
    }

    /// Ends all sessions of many users, outdates their access tokens, and records the revocations; the caller publishes
    /// them after the commit. Returns them with the number of sessions that ended.
    pub(crate) async fn end_many(
        &self,
        tx: &Transaction,
        user_ids: &[Uuid],
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<(Vec<Recorded>, usize), StoreError> {
        let outdated = users::outdate_many(tx, user_ids).await?;
        let ended = sessions::end_many(tx, user_ids, reason, now).await?;
        let sessions = ended.iter().map(|id| self.session_ended(*id, now));
        let users = outdated
            .iter()
            .map(|(user_id, version)| self.user_outdated(*user_id, *version, now));
        let recorded = revocations::insert(tx, sessions.chain(users).collect(), now).await?;
        Ok((recorded, ended.len()))
    }

    /// Publishes revocations that were recorded and committed, and counts the `sessions` that ended.
    pub(crate) async fn publish(&self, recorded: &[Recorded], sessions: usize, reason: &str) {
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        self.metrics
            .sessions_revoked
            .with_label_values(&[reason])
            .inc_by(sessions);
        self.revoker.publish(recorded).await;
        let session = |row: &Recorded| match &row.revocation.subject {
            Subject::Session(id) => id.parse().ok(),
            _ => None,
        };
        let over = recorded.iter().filter_map(session).collect::<Vec<_>>();
        // Entries that could not be removed expire, and are not shown: the list of sessions comes from PostgreSQL.
        if let Err(error) = sessions_seen::forget_all(&self.redis, &over).await {
            tracing::debug!(%error, "activity events of ended sessions were not removed");
        }
    }

    /// The revocation of a session's access tokens.
    pub(crate) fn session_ended(&self, session_id: Uuid, now: OffsetDateTime) -> Revocation {
        self.revocation(Subject::Session(session_id.to_string()), now)
    }

    /// The revocation of a user's access tokens with an older `token_version`.
    fn user_outdated(&self, user_id: Uuid, version: i32, now: OffsetDateTime) -> Revocation {
        self.revocation(
            Subject::User {
                issuer: self.settings.issuer.clone(),
                id: user_id.to_string(),
                version: version.try_into().unwrap_or(0),
            },
            now,
        )
    }

    /// A revocation that outlives all its tokens.
    pub(crate) fn revocation(&self, subject: Subject, now: OffsetDateTime) -> Revocation {
        Revocation {
            subject,
            expires_at: now + self.settings.access_token.longest_life() + LEEWAY,
        }
    }
}
