//! Public keys of other issuers, from where they publish them: fetched in the background, one task per issuer.
//!
//! ```text
//! on schedule ─┐                    ┌─ keys: replace, and look again when they are no longer fresh
//! unknown kid ─┴─► one fetch at a time ─┤
//!                                   └─ error: known keys stay until `stale_ok_for`, and the pause grows
//! ```
//!
//! No request ever waits for a fetch. The invariant: a key is believed only while its publisher was heard to name it not
//! longer ago than `stale_ok_for`.

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

/// An issuer whose keys are behind a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The `iss` whose keys they are.
    pub issuer: Arc<str>,
    /// Where they are.
    pub url: Box<str>,
    /// Which kinds of key are taken.
    pub algorithms: Vec<Algorithm>,
    /// How long they are used after the URL was last heard.
    pub stale_ok_for: Duration,
}

/// The tasks that refresh.
pub struct Refreshers {
    around: Around,
    running: tokio::sync::Mutex<HashMap<Arc<str>, Running>>,
}

/// What every task needs.
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

/// When the keys in use were fetched; outlives its task, so that changed settings do not make fresh keys doubtful.
type Succeeded = Arc<Mutex<Option<Instant>>>;

impl Refreshers {
    /// None yet; [`Self::adopt`] brings them.
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

    /// Starts, restarts and stops tasks, so that `sources` are what is refreshed. What did not change goes on undisturbed.
    /// Keys of issuers that went are not touched here, but when this returns no task writes them any more.
    ///
    /// Needs to be called on the runtime that is to do the work.
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
    /// When this returns the task will write no more keys.
    async fn stop(self) -> Succeeded {
        self.task.abort();
        // It says that it was aborted, which is known.
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
            // An error says that there was no such series.
            let _ = self.metrics.jwks_refreshes.remove_label_values(&[issuer, result]);
        }
        let _ = self.metrics.jwks_last_refresh_success.remove_label_values(&[issuer]);
    }
}

/// Keeps the keys of one issuer fresh until its task is aborted.
struct Refresher {
    around: Around,
    source: Source,
    succeeded: Succeeded,
}

impl Refresher {
    async fn run(self) {
        let issuer = &*self.source.issuer;
        // So that an alert on errors sees the first one.
        for result in ["success", "error"] {
            self.around.metrics.jwks_refreshes.with_label_values(&[issuer, result]);
        }
        let wanted = self.around.keys.reload_wanted(issuer);
        let mut schedule = Schedule::new(Instant::now(), self.last_success(), self.source.stale_ok_for);
        loop {
            let stale_at = schedule.stale_at();
            tokio::select! {
                () = sleep_until(stale_at.unwrap_or_else(Instant::now)), if stale_at.is_some() => {
                    tracing::error!(issuer, url = &*self.source.url, "the issuer's keys are too old to be believed: its tokens are refused");
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
                    tracing::info!(issuer, url, keys = keys.len(), "the issuer's keys are here");
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
                    tracing::warn!(issuer, url, %error, "the issuer's keys were not refreshed: the known ones stay for now");
                } else {
                    tracing::error!(issuer, url, %error, "the issuer's keys cannot be had: its tokens are refused");
                    // Keys from another place, which the configuration no longer names.
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
