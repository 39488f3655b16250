//! The worker that sends queued messages.
//!
//! A row is not locked while its message is being sent: taking it moves its next attempt into the future (a lease), and
//! if the process dies, the row is taken again after that. So a message is never sent by two workers at the same time,
//! and is sent at least once; twice only if a process dies between the server's "250 OK" and the end of the row.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};

use crate::audit::{AuditRecord, Origin};
use crate::keys::random;
use crate::mail::not_sent::NotSent;
use crate::mail::settings::Mail;
use crate::mail::templates::{Branding, Dates};
use crate::mail::{Message, Queue, mime, retry};
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::mail::{self, Queued};
use crate::store::postgres::Postgres;

/// The number of messages that an instance sends at once: mail servers limit connections.
const AT_ONCE: usize = 8;
/// The delay of the first poll after a message was queued, when its transaction commits.
const SOON: Duration = Duration::from_millis(20);
/// The poll interval, for retries, and for messages of other instances and of processes that died.
const POLL: Duration = Duration::from_secs(2);
/// How much longer than an attempt a lease lasts. Clocks of instances have to differ by less.
const LEASE_BEYOND: Duration = Duration::from_secs(60);
/// The interval of attempts to store the outcome of a message.
const AGAIN: Duration = Duration::from_secs(1);
/// The number of these attempts. With the timeouts of the store they end before the lease.
const SETTLE: u32 = 6;

/// The outcome of an attempt.
#[derive(Debug)]
enum Outcome {
    Sent,
    Later(String),
    Failed(String),
    Expired,
}

impl Outcome {
    /// All values of the label `result`.
    const NAMES: [&str; 4] = ["sent", "retried", "failed", "expired"];

    const fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Later(_) => "retried",
            Self::Failed(_) => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Sends queued messages. One runs in every issuer.
pub struct Worker {
    /// The queue.
    pub queue: Arc<Queue>,
    /// The store of the queue.
    pub postgres: Postgres,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

impl Worker {
    /// Sends messages until the task is dropped. Does nothing without `auth.mail`.
    pub async fn run(self: Arc<Self>, clock: fn() -> OffsetDateTime) {
        let Some(settings) = self.queue.settings() else { return };
        for message in Message::NAMES {
            for result in Outcome::NAMES {
                self.metrics.mail_sent.with_label_values(&[message, result]);
            }
        }
        let mut pause = SOON;
        let mut away = false;
        // Each message in a task of its own: a mail server that is slow with one of them does not delay the others.
        let mut sending = JoinSet::new();
        loop {
            while let Some(sent) = sending.try_join_next() {
                report(sent);
            }
            let room = AT_ONCE.saturating_sub(sending.len());
            let mut is_full = room == 0;
            match self.take(settings, room, clock()).await {
                Ok(taken) => {
                    away = false;
                    is_full |= taken.len() == room;
                    for row in taken {
                        let worker = Arc::clone(&self);
                        sending.spawn(async move { worker.send(&row, clock).await });
                    }
                }
                Err(error) => {
                    if !away {
                        tracing::warn!(%error, "the mail queue cannot be read");
                    }
                    away = true;
                }
            }
            tokio::select! {
                Some(sent) = sending.join_next(), if is_full => {
                    report(sent);
                    pause = SOON;
                }
                () = self.queue.wake.notified() => pause = SOON,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(POLL),
            }
        }
    }

    /// The number of queued messages, for the gauge.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count(&self) -> Result<(), StoreError> {
        if self.queue.is_enabled() {
            let waiting = mail::count_waiting(&self.postgres).await?;
            self.metrics.mail_queue_length.set(waiting);
        }
        Ok(())
    }

    /// Takes messages that are due, `limit` at most.
    async fn take(&self, settings: &Mail, limit: usize, now: OffsetDateTime) -> Result<Vec<Queued>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let lease = settings.transport.deadline() + LEASE_BEYOND;
        mail::take(&self.postgres, now, now + lease, limit).await
    }

    async fn send(&self, row: &Queued, clock: fn() -> OffsetDateTime) {
        let Some(settings) = self.queue.settings() else { return };
        let outcome = self.try_send(settings, row, clock()).await;
        self.metrics
            .mail_sent
            .with_label_values(&[known(&row.message), outcome.as_str()])
            .inc();
        for _ in 0..SETTLE {
            match self.settle(settings, row, &outcome, clock()).await {
                Ok(()) => return,
                // If it was sent, it must not be sent again.
                Err(error) => {
                    tracing::warn!(%error, message_id = %row.id, "the outcome of a message could not be stored yet");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_send(&self, settings: &Mail, row: &Queued, now: OffsetDateTime) -> Outcome {
        if row.expires_at <= now {
            return Outcome::Expired;
        }
        let payload = match self.queue.open(row) {
            Ok(payload) => payload,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let branding = Branding {
            product: &settings.product,
            home: settings.home.as_deref(),
            links: &settings.links,
        };
        let dates = Dates {
            written: row.created_at,
            good_until: row.expires_at,
        };
        let rendered = match settings
            .templates
            .render(branding, &payload.to, &payload.message, dates)
        {
            Ok(rendered) => rendered,
            Err(error) => return Outcome::Failed(format!("its template: {error}")),
        };
        let written = match mime::write(settings, &payload.to, rendered, row.id, now) {
            Ok(written) => written,
            Err(reason) => return Outcome::Failed(reason),
        };
        match settings.transport.send(row.id, &payload, &written).await {
            Ok(()) => Outcome::Sent,
            Err(NotSent::Later(reason)) if row.attempts < settings.retry.attempts => Outcome::Later(reason),
            Err(NotSent::Later(reason) | NotSent::Never(reason)) => Outcome::Failed(reason),
        }
    }

    /// Stores the outcome of an attempt.
    async fn settle(
        &self,
        settings: &Mail,
        row: &Queued,
        outcome: &Outcome,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let message = known(&row.message);
        match outcome {
            Outcome::Sent => {
                mail::delete(&self.postgres, row.id).await?;
                tracing::debug!(message, message_id = %row.id, "a message was sent");
                Ok(())
            }
            Outcome::Later(reason) => {
                let jitter = f64::from(random::bytes::<1>()[0]) / 255.0;
                let next = now + retry::pause(settings.retry, row.attempts, jitter);
                // Not later than its expiry, when it is recorded as failed.
                mail::retry(&self.postgres, row, next.min(row.expires_at), reason).await?;
                tracing::warn!(
                    message, message_id = %row.id, attempts = row.attempts, reason,
                    "a message could not be sent; it is tried again"
                );
                Ok(())
            }
            Outcome::Failed(reason) => self.give_up(row, reason, outcome.as_str(), now).await,
            Outcome::Expired => {
                self.give_up(row, "it was not sent in time", outcome.as_str(), now)
                    .await
            }
        }
    }

    async fn give_up(
        &self,
        row: &Queued,
        reason: &str,
        result: &'static str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let message = known(&row.message);
        let tx = self.postgres.transaction("mail_fail").await?;
        if !mail::fail(&tx, row, reason, now).await? {
            // Another worker has taken it meanwhile.
            return tx.rollback().await;
        }
        AuditRecord::to(row.user_id, Event::MailFailed, &Origin::default())
            .failed()
            .with("message", message)
            .with("result", result)
            .with("attempts", row.attempts)
            .with("reason", reason)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        tracing::warn!(message, message_id = %row.id, attempts = row.attempts, reason, "a message could not be delivered and will not be retried");
        Ok(())
    }
}

/// A message whose sending panicked is taken again when its lease ends.
fn report(sent: Result<(), JoinError>) {
    if let Err(error) = sent {
        tracing::error!(%error, "sending a message failed");
    }
}

/// The label of a message: a newer instance can have queued one that this one does not know.
fn known(word: &str) -> &'static str {
    Message::NAMES
        .into_iter()
        .find(|known| *known == word)
        .unwrap_or("unknown")
}
