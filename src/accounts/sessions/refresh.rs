//! Refresh: a refresh token is spent and replaced.
//!
//! A client that got no answer asks again; ten tabs of one browser ask at once; a thief asks with a stolen token. All
//! three present a token that was used. What tells them apart is whether the successor has been used:
//!
//! ```text
//! the token was …                       answer
//! not used                              rotate: mark it used, insert the successor
//! used, successor unused, within grace  the same answer again, byte for byte
//! used, successor unused, after grace   the answer was lost: one more successor, the unused one is revoked; once
//! used, successor used or revoked       somebody else has it: the session ends
//! ```
//!
//! The invariant, which the schema enforces too: a session has at most one live refresh token. The row lock on token and
//! user decides between those who come at once.

pub mod flights;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use time::OffsetDateTime;

use self::flights::Landed;
use crate::accounts::error::Failure;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::pair::{self, Pair};
use crate::accounts::sessions::revoker::Revoker;
use crate::accounts::sessions::tokens;
use crate::accounts::settings::{LostAnswer, Settings};
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Letter, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::{Postgres, Transaction};
use crate::store::refresh_tokens::{self, RefreshToken};
use crate::store::users::{self, User};
use crate::store::{StoreError, id, sessions};

pub use self::flights::Flights;

/// The reason in the row of a successor whose answer was lost.
const ANSWER_LOST: &str = "answer_lost";

/// Marks a successor that was given out in place of a lost one: there is no third.
const SECOND: &str = "second_answer";

/// Why there is no new pair.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No refresh token of ours, or one so old that its row is gone.
    #[error("unknown refresh token")]
    Unknown,
    /// It was not used in time, or the session reached its limit.
    #[error("the refresh token has expired")]
    Expired,
    /// The session was ended.
    #[error("the session has ended")]
    Revoked,
    /// It was used before, and not by mistake: the session has been ended.
    #[error("a used refresh token was presented again")]
    Reused,
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// What a token that was presented means.
#[derive(Debug, PartialEq)]
enum Verdict {
    Rotate,
    Again(Pair),
    AnswerLost { successor: uuid::Uuid },
    Expired,
    Revoked,
    Reused,
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
    /// Spends a refresh token.
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

    /// Of those who present one token at the same time, the first asks and the others are given its answer.
    async fn refresh_together(
        &self,
        presented: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Outcome, RefreshError> {
        let hash = tokens::refresh_hash(presented.expose()).ok_or(RefreshError::Unknown)?;
        // The strict rule knows no two answers to one token.
        if self.settings.refresh_token.reuse_grace.is_zero() {
            return self.try_refresh(hash, presented, origin, now).await;
        }
        let joined = self.flights.join(hash);
        let mut landed = joined.flight.lock().await;
        match &*landed {
            Landed::NotYet => {}
            Landed::Answer(pair) => return Ok(Outcome::Again(pair.clone())),
            Landed::Nothing => {
                drop(landed);
                return self.try_refresh(hash, presented, origin, now).await;
            }
        }
        let outcome = self.try_refresh(hash, presented, origin, now).await;
        *landed = match &outcome {
            Ok(Outcome::Rotated(pair) | Outcome::Again(pair)) => Landed::Answer(pair.clone()),
            Err(_) => Landed::Nothing,
        };
        drop(landed);
        outcome
    }

    async fn try_refresh(
        &self,
        hash: [u8; 32],
        presented: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Outcome, RefreshError> {
        if let Some(pair) = self.answered_before(&hash, presented, now).await? {
            return Ok(Outcome::Again(pair));
        }

        let tx = self.postgres.transaction("refresh").await?;
        let row = refresh_tokens::find_for_update(&tx, &hash)
            .await?
            .ok_or(RefreshError::Unknown)?;
        let user = users::find(&tx, row.user_id)
            .await?
            .filter(|user| user.deleted_at.is_none());
        let user = user.ok_or(RefreshError::Revoked)?;
        let successor = refresh_tokens::find_successor(&tx, row.id).await?;
        match self.judge(&row, successor.as_ref(), presented, now) {
            Verdict::Again(pair) => Ok(Outcome::Again(pair)),
            Verdict::Expired => Err(RefreshError::Expired),
            Verdict::Revoked => Err(RefreshError::Revoked),
            Verdict::Reused => self.end_reused(tx, &row, &user, origin, now).await,
            Verdict::Rotate => {
                refresh_tokens::mark_used(&tx, row.id, now).await?;
                let pair = self
                    .succeed(&tx, &row, &user, presented, Event::TokenRefreshed, origin, now)
                    .await?;
                tx.commit().await?;
                Ok(Outcome::Rotated(pair))
            }
            Verdict::AnswerLost { successor } => {
                refresh_tokens::revoke(&tx, successor, ANSWER_LOST, now).await?;
                let pair = self
                    .succeed(&tx, &row, &user, presented, Event::RefreshAnswerLost, origin, now)
                    .await?;
                tx.commit().await?;
                Ok(Outcome::Rotated(pair))
            }
        }
    }

    /// The answer to a token that was spent a moment ago, read without a lock: of 200 that ask at once, most come here
    /// after the first was answered and need not queue for its row. Whatever is less clear goes the locked way.
    async fn answered_before(
        &self,
        hash: &[u8; 32],
        presented: &Secret,
        now: OffsetDateTime,
    ) -> Result<Option<Pair>, RefreshError> {
        let client = self.postgres.client().await?;
        let row = refresh_tokens::find(&client, hash)
            .await?
            .ok_or(RefreshError::Unknown)?;
        if row.used_at.is_none() {
            return Ok(None);
        }
        let successor = refresh_tokens::find_successor(&client, row.id).await?;
        match self.judge(&row, successor.as_ref(), presented, now) {
            Verdict::Again(pair) => Ok(Some(pair)),
            _ => Ok(None),
        }
    }

    fn judge(
        &self,
        row: &RefreshToken,
        successor: Option<&RefreshToken>,
        presented: &Secret,
        now: OffsetDateTime,
    ) -> Verdict {
        let settings = &self.settings.refresh_token;
        judge(
            row,
            successor,
            presented,
            settings.reuse_grace,
            settings.lost_answer,
            now,
        )
    }

    /// Inserts the successor of `row`, with the answer sealed for whoever presents the same token again.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one thing that the successor is made of"
    )]
    async fn succeed(
        &self,
        tx: &Transaction,
        row: &RefreshToken,
        user: &User,
        presented: &Secret,
        event: Event,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Pair, RefreshError> {
        let refresh = tokens::refresh();
        let mut successor = RefreshToken {
            id: id::new(now),
            token_hash: tokens::refresh_hash(refresh.expose()).expect("a token just made has the form of one"),
            parent_id: Some(row.id),
            user_agent: origin.user_agent().or_else(|| row.user_agent.clone()),
            address: origin.address.or(row.address),
            created_at: now,
            expires_at: row.session_expires_at.min(now + self.settings.refresh_token.ttl),
            used_at: None,
            metadata: Map::new(),
            ..row.clone()
        };
        let pair = self
            .access_tokens
            .pair(user, &successor, &refresh, now)
            .map_err(Failure::from)?;
        pair::keep(&pair, presented.expose(), &mut successor.metadata);
        if event == Event::RefreshAnswerLost {
            successor.metadata.insert(SECOND.to_owned(), true.into());
        }
        refresh_tokens::insert(tx, &successor).await?;
        AuditRecord::by(user.id, event, origin)
            .session(row.session_id)
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(pair)
    }

    /// Ends a session whose token came back. When the session is over anyway it is no alarm: a client that was away may
    /// well come with an old token after the logout.
    async fn end_reused(
        &self,
        tx: Transaction,
        row: &RefreshToken,
        user: &User,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Outcome, RefreshError> {
        let scope = sessions::Scope::This(row.session_id);
        let ended = sessions::revoke(&tx, row.user_id, scope, "reuse", now).await?;
        if ended.is_empty() {
            return Err(RefreshError::Revoked);
        }
        AuditRecord::to(Some(row.user_id), Event::RefreshReused, origin)
            .failed()
            .session(row.session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        let device = row.device_name.clone().or_else(|| row.user_agent.clone());
        let letter = Letter::RefreshReused {
            device: device.unwrap_or_default(),
        };
        self.mail.insert(&tx, Recipient::of(user), letter, None, now).await?;
        tx.commit().await?;
        self.metrics.refresh_reuse_detected.inc();
        self.metrics.sessions_revoked.with_label_values(&["reuse"]).inc();
        tracing::warn!(user_id = %row.user_id, session_id = %row.session_id, "a used refresh token came back; session ended");
        self.revoker
            .revoke(&[self.sessions.session_ended(row.session_id, now)])
            .await;
        Err(RefreshError::Reused)
    }
}

/// The table at the top of this file.
fn judge(
    row: &RefreshToken,
    successor: Option<&RefreshToken>,
    presented: &Secret,
    grace: Duration,
    lost_answer: LostAnswer,
    now: OffsetDateTime,
) -> Verdict {
    match (&row.revoked_at, &row.used_at) {
        // It was given out in an answer that was believed lost, and another in its place: two parties hold this session.
        (Some(_), _) if row.revoked_reason.as_deref() == Some(ANSWER_LOST) => return Verdict::Reused,
        (Some(_), _) => return Verdict::Revoked,
        (None, None) if row.expires_at <= now => return Verdict::Expired,
        (None, None) => return Verdict::Rotate,
        (None, Some(_)) => {}
    }
    let unused = successor.filter(|successor| successor.used_at.is_none() && successor.revoked_at.is_none());
    let Some(successor) = unused else {
        return Verdict::Reused;
    };
    // A client that was away for a month, not a thief: its answer was lost, and by now all of it is over.
    if successor.expires_at <= now {
        return Verdict::Expired;
    }
    // Zero grace is the strict rule: a second use is reuse, whatever it may have been (OWASP ASVS 10.4.5).
    if grace.is_zero() {
        return Verdict::Reused;
    }
    // Counted from the newest answer, so that a client whose answer was lost may ask twice for the second, too.
    if now - successor.created_at < grace
        && let Some(pair) = pair::kept(&successor.metadata, presented.expose())
    {
        return Verdict::Again(pair);
    }
    let is_second = successor.metadata.contains_key(SECOND);
    let expired = row.expires_at <= now || row.session_expires_at <= now;
    match lost_answer {
        LostAnswer::Accept if !is_second && !expired => Verdict::AnswerLost {
            successor: successor.id,
        },
        _ => Verdict::Reused,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);
    const GRACE: Duration = Duration::from_secs(30);

    fn row() -> RefreshToken {
        RefreshToken {
            id: Uuid::from_u128(1),
            token_hash: [0; 32],
            user_id: Uuid::nil(),
            session_id: Uuid::nil(),
            parent_id: None,
            session_started_at: NOW,
            session_expires_at: NOW + Duration::from_secs(7200),
            auth_time: NOW,
            amr: vec![],
            device_name: None,
            user_agent: None,
            address: None,
            created_at: NOW,
            expires_at: NOW + Duration::from_secs(3600),
            used_at: None,
            revoked_at: None,
            revoked_reason: None,
            metadata: Map::new(),
        }
    }

    fn used() -> RefreshToken {
        RefreshToken {
            used_at: Some(NOW),
            ..row()
        }
    }

    fn successor() -> RefreshToken {
        let mut metadata = Map::new();
        pair::keep(&answer(), "sgr_old", &mut metadata);
        RefreshToken {
            id: Uuid::from_u128(2),
            parent_id: Some(Uuid::from_u128(1)),
            metadata,
            ..row()
        }
    }

    fn answer() -> Pair {
        Pair {
            access_token: "a.b.c".into(),
            token_type: "Bearer".into(),
            expires_in: 600,
            refresh_token: "sgr_new".into(),
            refresh_expires_in: 60,
            session_id: Uuid::nil(),
        }
    }

    fn judged(row: &RefreshToken, successor: Option<&RefreshToken>, after: u64) -> Verdict {
        let now = NOW + Duration::from_secs(after);
        judge(row, successor, &Secret::new("sgr_old"), GRACE, LostAnswer::Accept, now)
    }

    #[test]
    fn an_unused_token_rotates_until_it_expires() {
        assert_eq!(judged(&row(), None, 3599), Verdict::Rotate);
        assert_eq!(judged(&row(), None, 3600), Verdict::Expired);
    }

    #[test]
    fn within_the_grace_a_used_token_gets_the_same_answer() {
        assert_eq!(judged(&used(), Some(&successor()), 0), Verdict::Again(answer()));
        assert_eq!(judged(&used(), Some(&successor()), 29), Verdict::Again(answer()));
    }

    #[test]
    fn after_it_an_answer_is_given_once_more() {
        let lost = Verdict::AnswerLost {
            successor: Uuid::from_u128(2),
        };
        assert_eq!(judged(&used(), Some(&successor()), 30), lost);

        let mut second = successor();
        second.metadata.insert(SECOND.into(), true.into());
        assert_eq!(
            judged(&used(), Some(&second), 29),
            Verdict::Again(answer()),
            "and may be asked for twice"
        );
        assert_eq!(
            judged(&used(), Some(&second), 30),
            Verdict::Reused,
            "but there is no third"
        );
    }

    #[test]
    fn a_successor_that_was_used_makes_it_reuse_even_within_the_grace() {
        let used_successor = RefreshToken {
            used_at: Some(NOW),
            ..successor()
        };
        assert_eq!(judged(&used(), Some(&used_successor), 1), Verdict::Reused);
        assert_eq!(judged(&used(), None, 1), Verdict::Reused);
        assert_eq!(
            judged(&used(), Some(&successor()), 3600),
            Verdict::Expired,
            "nobody used it, and nobody can"
        );
    }

    #[test]
    fn a_successor_given_up_for_lost_that_turns_up_is_reuse() {
        let given_up = RefreshToken {
            revoked_at: Some(NOW),
            revoked_reason: Some(ANSWER_LOST.into()),
            ..successor()
        };
        assert_eq!(judged(&given_up, None, 1), Verdict::Reused);
        let logged_out = RefreshToken {
            revoked_reason: Some("logout".into()),
            ..given_up
        };
        assert_eq!(judged(&logged_out, None, 1), Verdict::Revoked);
    }

    #[test]
    fn the_strict_rules_forgive_less() {
        let (row, successor) = (used(), successor());
        let judged = |grace, lost_answer, after| {
            let now = NOW + Duration::from_secs(after);
            judge(&row, Some(&successor), &Secret::new("sgr_old"), grace, lost_answer, now)
        };
        assert_eq!(judged(Duration::ZERO, LostAnswer::Accept, 0), Verdict::Reused);
        assert_eq!(judged(GRACE, LostAnswer::Revoke, 30), Verdict::Reused);
        assert_eq!(judged(GRACE, LostAnswer::Revoke, 29), Verdict::Again(answer()));
    }
}
