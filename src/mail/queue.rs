//! The queue of messages to send.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::keys::secrets::OpenError;
use crate::keys::{KeyUse, Secrets};
use crate::mail::message::Payload;
use crate::mail::settings::Mail;
use crate::mail::{Message, Recipient};
use crate::store::mail::{self, NewMessage, Queued};
use crate::store::postgres::{Executor, Transaction};
use crate::store::users::User;
use crate::store::{StoreError, id};

/// How long a notice that is not urgent is worth sending.
const NEWS: Duration = Duration::from_secs(3 * 86_400);

/// Queues messages, in the transaction of the change they report.
pub struct Queue {
    settings: Option<Arc<Mail>>,
    secrets: Secrets,
    pub(super) wake: Notify,
}

impl Queue {
    /// `settings` is `auth.mail`; without it no message is queued. `secret` encrypts the content.
    pub fn new(settings: Option<Arc<Mail>>, secrets: Secrets) -> Self {
        Self {
            settings,
            secrets,
            wake: Notify::new(),
        }
    }

    pub(super) fn settings(&self) -> Option<&Mail> {
        self.settings.as_deref()
    }

    /// Decrypts the content of a queued message.
    pub(super) fn open(&self, row: &Queued) -> Result<Payload, OpenError> {
        let plain = self.secrets.open(KeyUse::Mail, "", &row.payload_sealed)?;
        serde_json::from_slice(&plain).map_err(|_| OpenError::Damaged)
    }

    /// Whether `auth.mail` is configured. Operations that need email are refused otherwise.
    pub fn is_enabled(&self) -> bool {
        self.settings.is_some()
    }

    /// Queues a message; does nothing without `auth.mail`. `life` is how long it is worth sending, for example the
    /// lifetime of its code; the default is that of a notice.
    pub(crate) async fn insert(
        &self,
        db: &impl Executor,
        to: Recipient,
        message: Message,
        life: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if !self.is_enabled() {
            return Ok(());
        }
        let (word, user_id) = (message.as_str(), to.user_id);
        let payload = serde_json::to_vec(&Payload { to, message }).expect("strings are always JSON");
        let message = NewMessage {
            id: id::new(now),
            message: word,
            user_id,
            payload_sealed: &self.secrets.seal(KeyUse::Mail, "", &payload),
            created_at: now,
            expires_at: now + life.unwrap_or(NEWS),
        };
        mail::insert(db, &message).await?;
        // The row is not committed yet: the worker polls several times.
        self.wake.notify_one();
        Ok(())
    }

    /// Queues a notice to the owner of an account.
    pub(crate) async fn tell(
        &self,
        tx: &Transaction,
        user: &User,
        message: Message,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if !self.is_enabled() {
            return Ok(());
        }
        let to = Recipient {
            user_id: Some(user.id),
            email: user.email.clone(),
            name: user.username.clone(),
        };
        self.insert(tx, to, message, None, now).await
    }

    /// Queues a message, or (if not `real`) does the same work and rolls it back.
    pub(crate) async fn insert_or_pretend(
        &self,
        tx: &Transaction,
        real: bool,
        to: Recipient,
        message: Message,
        life: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        tx.savepoint().await?;
        self.insert(tx, to, message, life, now).await?;
        if real {
            tx.release().await
        } else {
            // A message of an account makes PostgreSQL check the foreign key, which takes much less time than a
            // statement.
            tx.rollback_to().await
        }
    }
}
