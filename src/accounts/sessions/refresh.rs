//! Refresh: replaces a refresh token by its successor.
//!
//! One lookup returns everything that the decision needs, and one statement replaces the token if it is still the live
//! one. Otherwise another request was faster, and the next lookup sees its result. `refresh/verdict.rs` has the rules.
//!
//! The invariant: a session has at most one live refresh token, since it has one generation. The statement that changes
//! it names the one it was.

pub mod flights;
mod verdict;

use std::sync::Arc;

use time::OffsetDateTime;

pub use self::flights::Flights;
use self::flights::Landed;
use self::verdict::{Rules, Verdict, judge};
use crate::accounts::error::Failure;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::fingerprint::fingerprint;
use crate::accounts::sessions::pair::{self, Pair};
use crate::accounts::sessions::refresh_token::{self, Genuine};
use crate::accounts::sessions::revoker::Revoker;
use crate::accounts::sessions::tokens::Proof;
use crate::accounts::settings::{AuditRefreshes, Settings};
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::refresh_tokens::{self, Chain, Found};
use crate::store::sessions::{self, Successor};
use crate::store::{StoreError, StoreName};

/// The number of lookups after another request was faster. The first faster request makes this token the predecessor,
/// the second makes it an old one, after which nothing changes any more.
const LOOKS: usize = 4;

/// Why a refresh was refused.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is malformed or forged, or so old that its session was deleted.
    #[error("unknown refresh token")]
    Unknown,
    /// The token has expired, or the session reached its maximum lifetime.
    #[error("the refresh token has expired")]
    Expired,
    /// The session was ended.
    #[error("the session has ended")]
    Revoked,
    /// It was used before, and this is no retry: the session was ended.
    #[error("a used refresh token was presented again")]
    Reused,
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

enum Outcome {
    Rotated(Pair),
    Again(Pair),
}

/// Rotates refresh tokens.
pub struct Refresher {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) access_tokens: Arc<AccessTokens>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) flights: Flights,
    pub(crate) postgres: Postgres,
    pub(crate) mail: Arc<Queue>,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) sessions: Arc<Sessions>,
}

impl Refresher {
    /// Exchanges a refresh token for a new pair of tokens.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn refresh(
        &self,
        presented: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Pair, RefreshError> {
        let outcome = self.refresh_together(presented, origin, now).await;
        let result = match &outcome {
            Ok(Outcome::Rotated(_)) => "rotated",
            Ok(Outcome::Again(_)) => "grace",
            Err(RefreshError::Unknown) => "unknown",
            Err(RefreshError::Expired) => "expired",
            Err(RefreshError::Revoked) => "revoked",
            Err(RefreshError::Reused) => "reuse",
            Err(RefreshError::Failure(_)) => "error",
        };
        self.metrics.refreshes.with_label_values(&[result]).inc();
        match outcome? {
            Outcome::Rotated(pair) => {
                self.access_tokens.count("refresh");
                Ok(pair)
            }
            Outcome::Again(pair) => Ok(pair),
        }
    }

    /// Of concurrent requests with one token, the first is executed and the others get its response.
    async fn refresh_together(
        &self,
        presented: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Outcome, RefreshError> {
        // Checked first: a forged token costs no query.
        let token = refresh_token::read(&self.settings.secrets, presented.expose()).ok_or(RefreshError::Unknown)?;
        // With the strict rule there is only one response to a token.
        if self.settings.refresh_token.reuse_grace.is_zero() {
            return self.try_refresh(&token, presented, origin, now).await;
        }
        let joined = self.flights.join(token.hash);
        let mut landed = joined.flight.lock().await;
        match &*landed {
            Landed::NotYet => {}
            Landed::Answer(pair) => return Ok(Outcome::Again(pair.clone())),
            Landed::Nothing => {
                drop(landed);
                return self.try_refresh(&token, presented, origin, now).await;
            }
        }
        let outcome = self.try_refresh(&token, presented, origin, now).await;
        *landed = match &outcome {
            Ok(Outcome::Rotated(pair) | Outcome::Again(pair)) => Landed::Answer(pair.clone()),
            Err(_) => Landed::Nothing,
        };
        drop(landed);
        outcome
    }

    async fn try_refresh(
        &self,
        token: &Genuine,
        presented: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Outcome, RefreshError> {
        let rules = Rules {
            grace: self.settings.refresh_token.reuse_grace,
            lost_response: self.settings.refresh_token.lost_response,
        };
        for _ in 0..LOOKS {
            let found = refresh_tokens::find(&self.postgres, token.session_id, token.generation).await?;
            let found = found.ok_or(RefreshError::Unknown)?;
            let event = match judge(&found.chain, token, presented, rules, now) {
                Verdict::Again(pair) => return Ok(Outcome::Again(pair)),
                Verdict::Unknown => return Err(RefreshError::Unknown),
                Verdict::Expired => return Err(RefreshError::Expired),
                Verdict::Revoked => return Err(RefreshError::Revoked),
                Verdict::Reused => return Err(self.end_reused(&found, origin, now).await),
                Verdict::Rotate => Event::TokenRefreshed,
                Verdict::ResponseLost => Event::RefreshResponseLost,
            };
            if let Some(pair) = self.replace(&found, token, presented, event, origin, now).await? {
                return Ok(Outcome::Rotated(pair));
            }
        }
        let unsettled = StoreError::Data {
            store: StoreName::Postgres,
            operation: "session_refresh",
            cause: "the live token changes faster than it can be read".to_owned(),
        };
        Err(unsettled.into())
    }

    /// Replaces the live token and returns the response; `None` if it is not the live one any more.
    async fn replace(
        &self,
        found: &Found,
        token: &Genuine,
        presented: &Secret,
        event: Event,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Option<Pair>, RefreshError> {
        let chain = &found.chain;
        let text = refresh_token::make(&self.settings.secrets, chain.session_id, chain.generation + 1);
        let expires_at = chain.session_expires_at.min(now + self.settings.refresh_token.ttl);
        let proof = Proof {
            session_id: chain.session_id,
            auth_time: chain.auth_time,
            amr: &chain.amr,
        };
        let pair = self
            .access_tokens
            .pair(&found.user, proof, &text.text, expires_at, now)
            .map_err(Failure::from)?;
        let response_sealed = pair::seal(&pair, presented);
        let user_agent = origin.user_agent().or_else(|| chain.user_agent.clone());
        let address = origin.address.or(chain.address);
        let seen = fingerprint(address, user_agent.as_deref());
        let changed = seen != fingerprint(chain.address, chain.user_agent.as_deref());
        let successor = Successor {
            session_id: chain.session_id,
            live: chain.generation,
            presented: token.generation,
            token_hash: text.hash,
            expires_at,
            response_sealed: &response_sealed,
            user_agent: user_agent.as_deref(),
            address,
            changed_fingerprint: changed.then_some(seen),
        };
        let audited = match self.settings.audit_refreshes {
            _ if event != Event::TokenRefreshed => true,
            AuditRefreshes::All => true,
            AuditRefreshes::Changes => changed,
            AuditRefreshes::None => false,
        };
        if !audited {
            let done = sessions::refresh(&self.postgres, &successor, now).await?;
            return Ok(done.then_some(pair));
        }
        let tx = self.postgres.transaction("refresh").await?;
        if !sessions::refresh(&tx, &successor, now).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        AuditRecord::by(found.user.id, event, origin)
            .session(chain.session_id)
            .with("generation", chain.generation + 1)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(Some(pair))
    }

    /// Ends a session whose token was reused. If it has ended already this is no alarm: an offline client may use an
    /// old token after the sign-out.
    async fn end_reused(&self, found: &Found, origin: &Origin, now: OffsetDateTime) -> RefreshError {
        match self.try_end_reused(found, origin, now).await {
            Ok(true) => RefreshError::Reused,
            Ok(false) => RefreshError::Revoked,
            Err(error) => error.into(),
        }
    }

    async fn try_end_reused(&self, found: &Found, origin: &Origin, now: OffsetDateTime) -> Result<bool, StoreError> {
        let (chain, user) = (&found.chain, &found.user);
        let session_id = chain.session_id;
        let tx = self.postgres.transaction("refresh_reused").await?;
        let ended = sessions::end(&tx, user.id, sessions::Scope::This(session_id), "reuse", now).await?;
        if ended.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        AuditRecord::to(Some(user.id), Event::RefreshReused, origin)
            .failed()
            .session(session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        let message = Message::RefreshReused {
            device: device_of(chain),
        };
        self.mail.insert(&tx, Recipient::of(user), message, None, now).await?;
        let revocations = self.sessions.record_ended(&tx, &ended, now).await?;
        tx.commit().await?;
        self.metrics.refresh_reuse_detected.inc();
        self.metrics.sessions_revoked.with_label_values(&["reuse"]).inc();
        tracing::warn!(user_id = %user.id, %session_id, "a used refresh token came back; session ended");
        self.revoker.publish(&revocations).await;
        Ok(true)
    }
}

/// The name by which the owner recognizes the device.
fn device_of(chain: &Chain) -> String {
    let known = chain.device_name.as_ref().or(chain.user_agent.as_ref());
    known.cloned().unwrap_or_default()
}
