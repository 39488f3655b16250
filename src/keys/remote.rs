//! Fetches the public keys of other issuers in the background, with one task per issuer.
//!
//! ```text
//! on schedule ─┐                    ┌─ keys: replace, and look again when they are no longer fresh
//! unknown kid ─┴─► one fetch at a time ─┤
//!                                   └─ error: known keys stay until `stale_ok_for`, and the pause grows
//! ```
//!
//! No request waits for a fetch. The invariant: a key is used only if its issuer published it not longer ago than
//! `stale_ok_for`.

mod document;
mod fetch;
mod schedule;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::fetch::Client;
use self::schedule::Schedule;
pub use self::{document::DocumentError, fetch::FetchError};
use super::{Algorithm, Keys, VerifyingKey};
use crate::metrics::Metrics;

/// An issuer with a `jwks_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The issuer (`iss`) of the keys.
    pub issuer: Arc<str>,
    /// The URL of the JWK set.
    pub url: Box<str>,
    /// The accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// How long the keys are used after the last successful fetch.
    pub stale_ok_for: Duration,
}

/// The tasks that fetch keys.
pub struct Refreshers {
    around: Around,
    running: tokio::sync::Mutex<HashMap<Arc<str>, Running>>,
}

/// What all tasks share.
#[derive(Clone)]
struct Around {
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
    clock: fn() -> OffsetDateTime,
    client: Arc<Client>,
}

struct Running {
    source: Source,
    succeeded: Succeeded,
    task: JoinHandle<()>,
}

/// When the current keys were fetched; kept when a task is restarted with changed settings.
type Succeeded = Arc<Mutex<Option<Instant>>>;

impl Refreshers {
    /// Without any issuer; [`Self::adopt`] adds them.
    pub fn new(keys: Arc<Keys>, metrics: Arc<Metrics>, clock: fn() -> OffsetDateTime) -> Self {
        let client = Arc::default();
        Self {
            around: Around {
                keys,
                metrics,
                clock,
                client,
            },
            running: tokio::sync::Mutex::default(),
        }
    }

    /// Starts, restarts and stops tasks, so that exactly the `sources` are fetched. Unchanged ones go on. Keys of
    /// removed issuers are not removed here, but when this returns no task writes them.
    ///
    /// Has to be called on the runtime that the tasks run on.
    pub async fn adopt(&self, sources: Vec<Source>) {
        let mut running = self.running.lock().await;
        let mut before = std::mem::take(&mut *running);
        for source in sources {
            let old = before.remove(&source.issuer);
            let new = match old {
                Some(old) if old.source == source => old,
                Some(old) => {
                    let same_place = old.source.url == source.url;
                    let succeeded = old.stop().await;
                    self.start(source, if same_place { succeeded } else { Succeeded::default() })
                }
                None => self.start(source, Succeeded::default()),
            };
            running.insert(Arc::clone(&new.source.issuer), new);
        }
        for (issuer, gone) in before {
            gone.stop().await;
            self.around.forget(&issuer);
        }
    }

    fn start(&self, source: Source, succeeded: Succeeded) -> Running {
        let refresher = Refresher {
            around: self.around.clone(),
            source: source.clone(),
            succeeded: Arc::clone(&succeeded),
        };
        Running {
            source,
            succeeded,
            task: tokio::spawn(refresher.run()),
        }
    }
}

impl Running {
    /// Stops a task. When this returns it writes no more keys.
    async fn stop(self) -> Succeeded {
        self.task.abort();
        // The error only says that the task was aborted.
        let _ = self.task.await;
        self.succeeded
    }
}

impl Around {
    fn count(&self, issuer: &str, result: &str) {
        self.metrics.jwks_refreshes.with_label_values(&[issuer, result]).inc();
    }

    fn forget(&self, issuer: &str) {
        for result in ["success", "error"] {
            // An error only says that there was no such series.
            let _ = self.metrics.jwks_refreshes.remove_label_values(&[issuer, result]);
        }
        let _ = self.metrics.jwks_last_refresh_success.remove_label_values(&[issuer]);
    }
}

/// Fetches the keys of one issuer until its task is aborted.
struct Refresher {
    around: Around,
    source: Source,
    succeeded: Succeeded,
}

impl Refresher {
    async fn run(self) {
        let issuer = &*self.source.issuer;
        // Created in advance, so that an alert sees the first error.
        for result in ["success", "error"] {
            self.around.metrics.jwks_refreshes.with_label_values(&[issuer, result]);
        }
        let wanted = self.around.keys.reload_wanted(issuer);
        let mut schedule = Schedule::new(Instant::now(), self.last_success(), self.source.stale_ok_for);
        loop {
            let stale_at = schedule.stale_at();
            tokio::select! {
                () = sleep_until(stale_at.unwrap_or_else(Instant::now)), if stale_at.is_some() => {
                    tracing::error!(issuer, url = &*self.source.url, "the issuer's keys are older than stale_ok_for: its tokens are refused");
                    self.drop_keys(&mut schedule);
                }
                () = sleep_until(schedule.next()) => self.refresh(&mut schedule).await,
                () = wanted.notified() => schedule.wanted(),
            }
        }
    }

    async fn refresh(&self, schedule: &mut Schedule) {
        let issuer = &*self.source.issuer;
        let url = &*self.source.url;
        let began = Instant::now();
        match self.fetch().await {
            Ok((keys, max_age)) => {
                let now = Instant::now();
                schedule.succeeded(began, now, max_age);
                self.set_last_success(Some(now));
                if !self.around.keys.current().knows(issuer) {
                    tracing::info!(issuer, url, keys = keys.len(), "the issuer's keys were fetched");
                }
                self.around.keys.replace(issuer, &keys);
                self.around.count(issuer, "success");
                let at = (self.around.clock)().unix_timestamp();
                #[expect(clippy::cast_precision_loss, reason = "a timestamp fits")]
                self.around
                    .metrics
                    .jwks_last_refresh_success
                    .with_label_values(&[issuer])
                    .set(at as f64);
            }
            Err(error) => {
                schedule.failed(began, Instant::now());
                self.around.count(issuer, "error");
                if schedule.has_succeeded() {
                    tracing::warn!(issuer, url, %error, "the issuer's keys could not be fetched: the last known ones are used");
                } else {
                    tracing::error!(issuer, url, %error, "the issuer's keys could not be fetched, and none are known: its tokens are refused");
                    // Keys from a URL that is no longer in the configuration.
                    self.drop_keys(schedule);
                }
            }
        }
    }

    async fn fetch(&self) -> Result<(Vec<Arc<VerifyingKey>>, Option<Duration>), FetchError> {
        let answer = self.around.client.get(&self.source.url).await?;
        let keys = document::read(&answer.body, &self.source.algorithms)?;
        Ok((keys, answer.max_age))
    }

    fn drop_keys(&self, schedule: &mut Schedule) {
        schedule.dropped();
        self.set_last_success(None);
        self.around.keys.replace(&self.source.issuer, &[]);
    }

    fn last_success(&self) -> Option<Instant> {
        *self.succeeded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_last_success(&self, at: Option<Instant>) {
        *self.succeeded.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
