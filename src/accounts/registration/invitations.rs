//! Invitations: an operator invites an email address, and the emailed link allows one registration.
//!
//! The link was sent to the email address, which counts as verified. It works for that email address only: a link that
//! is passed on, or found in the log of a mail gateway, does not give anybody else an account with the roles of the
//! invitation.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::link_token::Kind;
use crate::accounts::email::names::{self, NameError};
use crate::accounts::error::Failure;
use crate::accounts::operator::actor::Operator;
use crate::accounts::operator::rights;
use crate::accounts::password::retry;
use crate::accounts::settings::{RegistrationMode, Settings};
use crate::audit::AuditRecord;
use crate::mail::{Message, Queue, Recipient};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::invitations::{self, Invitation};
use crate::store::postgres::Postgres;
use crate::store::{StoreError, id, users};

/// Why an invitation was not created.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// The email address is not valid.
    #[error(transparent)]
    Email(#[from] NameError),
    /// The email address has an account.
    #[error("the email address is taken by another account")]
    EmailTaken,
    /// A role is not valid.
    #[error(
        "roles: each is a word of 1 to 128 characters without spaces, commas, control and invisible characters, at most 256 of them"
    )]
    Roles,
    /// Registration is closed, so that an invitation could not be used.
    #[error("registration is closed (auth.registration.mode): nobody could use an invitation")]
    Closed,
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for InvitationError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// A new invitation and its token, which has to be passed on by other means if no email is sent.
#[derive(Debug)]
pub struct Invited {
    /// The stored invitation.
    pub invitation: Invitation,
    /// The token of the link.
    pub token: Secret,
}

/// The number of retries if another invitation for the same email address is created at the same time.
const TRIES: usize = 10;

/// Invites people to register.
pub struct Invitations {
    pub(crate) settings: Arc<Settings>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
}

impl Invitations {
    /// Invites an email address. Replaces an earlier invitation.
    ///
    /// # Errors
    /// See [`InvitationError`].
    pub async fn invite(
        &self,
        email: &str,
        roles: &[String],
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<Invited, InvitationError> {
        if self.settings.registration.mode == RegistrationMode::Closed {
            return Err(InvitationError::Closed);
        }
        // Checked as if the operator created the account with these roles.
        rights::check(roles, &[]).map_err(|_| InvitationError::Roles)?;
        let email = names::email(email)?;
        if users::find_by_email(&self.postgres, &email).await?.is_some() {
            return Err(InvitationError::EmailTaken);
        }
        let (token, token_hash) = Kind::Invitation.make();
        let ttl = self.settings.registration.invitation.ttl;
        let mut roles = roles.to_vec();
        roles.sort();
        roles.dedup();
        let invitation = Invitation {
            id: id::new(now),
            email,
            roles,
            invited_by: by.user_id(),
            created_at: now,
            expires_at: now + ttl,
        };
        let invited = Invited { invitation, token };
        for _ in 0..TRIES {
            match self.try_invite(&invited, &token_hash, by, now).await {
                // Another operator was faster; theirs is revoked now.
                Err(error) if error.is_constraint(invitations::EMAIL_HAS_ONE_OPEN) => {}
                outcome => return Ok(outcome.map(|()| invited)?),
            }
        }
        Ok(self
            .try_invite(&invited, &token_hash, by, now)
            .await
            .map(|()| invited)?)
    }

    async fn try_invite(
        &self,
        invited: &Invited,
        token_hash: &[u8; 32],
        by: &Operator,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let invitation = &invited.invitation;
        let tx = self.postgres.transaction("invite").await?;
        invitations::revoke_of_email(&tx, &invitation.email, now).await?;
        invitations::insert(&tx, invitation, token_hash).await?;
        done(by, Event::UserInvited)
            .with("invitation_id", invitation.id.to_string())
            .with("roles", invitation.roles.clone())
            .insert(&tx, &self.metrics, now)
            .await?;
        let message = Message::Invitation {
            token: invited.token.expose().to_owned(),
        };
        let ttl = self.settings.registration.invitation.ttl;
        self.mail
            .insert(
                &tx,
                Recipient::without_account(&invitation.email),
                message,
                Some(ttl),
                now,
            )
            .await?;
        tx.commit().await
    }

    /// A page of open invitations, the oldest first, after the id `after`.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn list(&self, after: Option<Uuid>, limit: u32, now: OffsetDateTime) -> Result<Vec<Invitation>, Failure> {
        Ok(invitations::list(&self.postgres, after, limit, now).await?)
    }

    /// Withdraws an invitation; `false` if it was not open.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable.
    pub async fn revoke(&self, invitation_id: Uuid, by: &Operator, now: OffsetDateTime) -> Result<bool, Failure> {
        let tx = self.postgres.transaction("invitation_revoke").await?;
        if invitations::revoke(&tx, invitation_id, now).await?.is_none() {
            return Ok(false);
        }
        done(by, Event::InvitationRevoked)
            .with("invitation_id", invitation_id.to_string())
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The open invitation of a token for an email address; `None` for any other email address.
    pub(crate) async fn find(
        &self,
        email: &str,
        token: &Secret,
        now: OffsetDateTime,
    ) -> Result<Option<Invitation>, StoreError> {
        let Some(token_hash) = Kind::Invitation.hash(token.expose()) else {
            return Ok(None);
        };
        let found = invitations::find(&self.postgres, &token_hash, now).await?;
        Ok(found.filter(|invitation| invitation.email == email))
    }

    /// Whether this token was just used to register this email address.
    pub(crate) async fn used_a_moment_ago(
        &self,
        email: &str,
        token: &Secret,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(token_hash) = Kind::Invitation.hash(token.expose()) else {
            return Ok(false);
        };
        let used = invitations::find_used(&self.postgres, &token_hash, now - retry::WITHIN).await?;
        Ok(used.is_some_and(|invitation| invitation.email == email))
    }
}

/// An audit entry about an email address without an account.
fn done(by: &Operator, event: Event) -> AuditRecord<'_> {
    AuditRecord {
        actor_id: by.user_id(),
        ..AuditRecord::to(None, event, by.origin())
    }
}
