//! Sends what waits in the queue.
//!
//! A row is not locked while its message is on its way: taking it pushes its next attempt into the future (a lease), and
//! whoever dies meanwhile leaves it to be taken again after that. So no two send one message at the same time, and a message is
//! sent at least once; twice only if somebody dies between the server's "250 OK" and the row's end.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use time::OffsetDateTime;

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

/// Messages on their way at once, of one instance: mail servers limit connections, too.
const AT_ONCE: u32 = 8;
/// The first look after a message was queued: its transaction commits about now.
const SOON: Duration = Duration::from_millis(20);
/// Between two looks while nothing happens here: messages of other instances and of a process that died, and retries.
const POLL: Duration = Duration::from_secs(2);
/// How much longer than one try a message is left to whoever took it. Instances' clocks may differ by less.
const LEASE_BEYOND: Duration = Duration::from_secs(60);
/// Between two tries to write down what became of a message.
const AGAIN: Duration = Duration::from_secs(1);
/// Such tries. With the deadlines of the store they are over before the lease.
const SETTLE: u32 = 6;

/// What became of a message.
#[derive(Debug)]
enum Outcome {
    Sent,
    Later(String),
    Failed(String),
    Expired,
}

impl Outcome {
    /// All words of the label `result`.
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

/// Sends what waits in the queue. One runs in every issuer.
pub struct Worker {
    /// What it empties.
    pub queue: Arc<Queue>,
    /// Holds the queue.
    pub postgres: Postgres,
    /// Counts what became of each message.
    pub metrics: Arc<Metrics>,
}

impl Worker {
    /// Sends messages, until the task is dropped. Does nothing where none can be sent.
    pub async fn run(&self, clock: fn() -> OffsetDateTime) {
        let Some(settings) = self.queue.settings() else { return };
        for message in Message::NAMES {
            for result in Outcome::NAMES {
                self.metrics.mail_sent.with_label_values(&[message, result]);
            }
        }
        let mut pause = SOON;
        let mut away = false;
        loop {
            match self.take(settings, clock()).await {
                Ok(taken) if taken.is_empty() => away = false,
                Ok(taken) => {
                    away = false;
                    join_all(taken.iter().map(|row| self.send(settings, row, clock))).await;
                    continue;
                }
                Err(error) => {
                    if !away {
                        tracing::warn!(%error, "messages wait for PostgreSQL");
                    }
                    away = true;
                }
            }
            tokio::select! {
                () = self.queue.wake.notified() => pause = SOON,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(POLL),
            }
        }
    }

    /// How many messages wait, for the gauge.
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

    async fn take(&self, settings: &Mail, now: OffsetDateTime) -> Result<Vec<Queued>, StoreError> {
        let lease = settings.transport.deadline() + LEASE_BEYOND;
        mail::take(&self.postgres, now, now + lease, AT_ONCE).await
    }

    async fn send(&self, settings: &Mail, row: &Queued, clock: fn() -> OffsetDateTime) {
        let outcome = self.try_send(settings, row, clock()).await;
        self.metrics
            .mail_sent
            .with_label_values(&[known(&row.message), outcome.as_str()])
            .inc();
        for _ in 0..SETTLE {
            match self.settle(settings, row, &outcome, clock()).await {
                Ok(()) => return,
                // If it went, it should not go again.
                Err(error) => {
                    tracing::warn!(%error, message_id = %row.id, "what became of a message is not written down yet");
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

    /// Writes down what became of a message.
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
                let luck = f64::from(random::bytes::<1>()[0]) / 255.0;
                let next = now + retry::pause(settings.retry, row.attempts, luck);
                // Not later than its end: somebody should learn then that it failed.
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
            // Somebody else had it meanwhile.
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
        tracing::warn!(message, message_id = %row.id, attempts = row.attempts, reason, "a message will never arrive");
        Ok(())
    }
}

/// The word of a message as a label: a newer instance may have queued one that this one does not know.
fn known(word: &str) -> &'static str {
    Message::NAMES
        .into_iter()
        .find(|known| *known == word)
        .unwrap_or("unknown")
}
