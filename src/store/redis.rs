//! The Redis connections.
//!
//! Two sockets take the ordinary calls in turn, so that a slow response delays only half of them; a third follows the
//! revocation feed with commands that block in Redis. Every call ends within `timeout`, connecting included. After a
//! cancelled call its socket is not used again: redis-rs can hand the late response to the next command, and "not
//! revoked" must never be the response to another question. After a few timeouts in a row ordinary calls fail at once
//! (`breaker.rs`).
//!
//! Everything in Redis is ephemeral: with an empty Redis the program is slower or rate limits start again, but nothing
//! is lost.

mod address;
mod breaker;
mod link;
mod slot;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, RedisResult, Value};

pub use self::address::BadUrl;
use self::breaker::{Breaker, PROBE_EVERY};
use self::link::Link;
use self::slot::Slot;
pub(super) use super::redis_keys::Keys;
use super::{StoreError, StoreName};
use crate::metrics::Metrics;
use crate::secret::Secret;

const REDIS: &str = StoreName::Redis.as_str();

/// The URL and timeout of Redis.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://`, `rediss://`, `unix://`, `redis-cluster://host,host`, `redis-sentinel://host,host/master`; see
    /// `redis/address.rs`.
    pub url: Secret,
    /// The prefix of every key, so that several installations can share a server.
    pub namespace: String,
    /// The timeout of a call, connecting included.
    pub timeout: Duration,
}

/// The connections. Cloning shares them.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    ordinary: [Slot; 2],
    tail: Slot,
    turn: AtomicUsize,
    breaker: Breaker,
    timeout: Duration,
    keys: Keys,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

/// Checks a URL. Does not connect.
///
/// # Errors
/// A description of the mistake, which does not quote the URL.
pub fn check_url(url: &Secret) -> Result<(), BadUrl> {
    address::Address::parse(url).map(drop)
}

impl Redis {
    /// Parses the URL. Does not connect: the first call finds out whether the server is reachable, and calls succeed as
    /// soon as it is.
    pub fn connect(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, BadUrl> {
        let address = Arc::new(address::Address::parse(&settings.url)?);
        let slot = || Slot::new(Arc::clone(&address));
        let is_cluster = matches!(*address, address::Address::Cluster(_));
        let keys = if is_cluster { Keys::of_cluster } else { Keys::new };
        Ok(Self(Arc::new(Inner {
            ordinary: [slot(), slot()],
            tail: slot(),
            turn: AtomicUsize::new(0),
            breaker: Breaker::default(),
            timeout: settings.timeout,
            keys: keys(&settings.namespace),
            metrics: Arc::clone(metrics),
        })))
    }

    /// Whether Redis responds, for the gauge `store_up`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.command::<String>("ping", redis::cmd("PING")).await.map(drop)
    }

    /// The names of the keys.
    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Runs a command.
    pub(super) async fn command<T: FromRedisValue>(
        &self,
        operation: &'static str,
        command: Cmd,
    ) -> Result<T, StoreError> {
        self.call(self.ordinary(), operation, self.0.timeout, |mut link| async move {
            command.query_async(&mut link).await
        })
        .await
    }

    /// Runs a script by its SHA-1; its text is sent only if Redis does not know it yet.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: redis::ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        self.call(self.ordinary(), operation, self.0.timeout, |mut link| async move {
            script.invoke_async(&mut link).await
        })
        .await
    }

    /// Runs several commands in one round trip, as a transaction; on a cluster, where their keys can be on several
    /// servers, one after the other in the given order.
    pub(super) async fn all(&self, operation: &'static str, commands: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        self.call(self.ordinary(), operation, self.0.timeout, |link| {
            link.all(commands, true)
        })
        .await
    }

    /// Runs several read commands in one round trip.
    pub(super) async fn each(&self, operation: &'static str, commands: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        self.call(self.ordinary(), operation, self.0.timeout, |link| {
            link.all(commands, false)
        })
        .await
    }

    /// Runs a command that blocks in Redis for up to `block`, on the socket for blocking commands; returns also the
    /// number of that socket, which changes when it is replaced.
    pub(super) async fn blocking<T: FromRedisValue>(
        &self,
        operation: &'static str,
        command: Cmd,
        block: Duration,
    ) -> Result<(T, u64), StoreError> {
        let ask = |mut link: Link| async move { command.query_async(&mut link).await };
        self.numbered(&self.0.tail, operation, block + self.0.timeout, ask)
            .await
    }

    /// Runs a script on the socket for blocking commands; returns also the number of that socket.
    pub(super) async fn tail_script<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: redis::ScriptInvocation<'_>,
    ) -> Result<(T, u64), StoreError> {
        let ask = |mut link: Link| async move { script.invoke_async(&mut link).await };
        self.numbered(&self.0.tail, operation, self.0.timeout, ask).await
    }

    fn ordinary(&self) -> &Slot {
        &self.0.ordinary[self.0.turn.fetch_add(1, Ordering::Relaxed) % self.0.ordinary.len()]
    }

    async fn call<T, F>(
        &self,
        slot: &Slot,
        operation: &'static str,
        limit: Duration,
        ask: impl FnOnce(Link) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if self.0.breaker.is_open() {
            let error = StoreError::Unavailable {
                store: StoreName::Redis,
                operation,
                cause: "it did not answer the last calls; a probe in the background still asks".to_owned(),
            };
            self.0.failed(operation, &error);
            return Err(error);
        }
        let answer = self.numbered(slot, operation, limit, ask).await;
        match &answer {
            Err(StoreError::Timeout { .. }) if self.0.breaker.timed_out() => {
                tracing::warn!("Redis does not answer: calls fail at once until it does");
                self.0.metrics.store_circuit_open.with_label_values(&[REDIS]).set(1);
                tokio::spawn(probe(Arc::downgrade(&self.0)));
            }
            Err(StoreError::Timeout { .. }) => {}
            Ok(_) | Err(_) => self.0.answered(),
        }
        answer.map(|(answer, _)| answer)
    }

    /// The response, and the number of the link it was received on.
    async fn numbered<T, F>(
        &self,
        slot: &Slot,
        operation: &'static str,
        limit: Duration,
        ask: impl FnOnce(Link) -> F,
    ) -> Result<(T, u64), StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let metrics = &self.0.metrics;
        let started = Instant::now();
        let answer = tokio::time::timeout(limit, async {
            let (link, watch) = slot.link().await?;
            let number = watch.number();
            let answer = ask(link).await;
            watch.ended(&answer);
            answer.map(|answer| (answer, number))
        })
        .await;
        metrics
            .store_operation_duration
            .with_label_values(&[REDIS, operation])
            .observe(started.elapsed().as_secs_f64());
        let error = match answer {
            Ok(Ok(answer)) => {
                metrics.store_up.with_label_values(&[REDIS]).set(1);
                return Ok(answer);
            }
            Ok(Err(error)) => from_call(operation, &error),
            Err(_) => StoreError::Timeout {
                store: StoreName::Redis,
                operation,
            },
        };
        self.0.failed(operation, &error);
        Err(error)
    }
}

impl Inner {
    fn failed(&self, operation: &'static str, error: &StoreError) {
        self.metrics
            .store_operation_errors
            .with_label_values(&[REDIS, operation, error.reason()])
            .inc();
        if error.is_outage() {
            self.metrics.store_up.with_label_values(&[REDIS]).set(0);
        }
    }

    fn answered(&self) {
        if self.breaker.answered() {
            self.metrics.store_circuit_open.with_label_values(&[REDIS]).set(0);
            tracing::info!("Redis answers again");
        }
    }
}

/// Asks until Redis answers, or nobody has the connections any more.
async fn probe(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(PROBE_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        let redis = Redis(inner);
        let ping = |mut link: Link| async move { redis::cmd("PING").query_async::<String>(&mut link).await };
        match redis.numbered(redis.ordinary(), "probe", redis.0.timeout, ping).await {
            Err(StoreError::Timeout { .. }) => {}
            // A refused connection or an error costs no time, and calls can handle it.
            Ok(_) | Err(_) => return redis.0.answered(),
        }
    }
}

/// Maps an error of Redis. Its text contains no values, but can contain a command's name.
fn from_call(operation: &'static str, error: &redis::RedisError) -> StoreError {
    let cause = error.to_string();
    if error.is_timeout() {
        return StoreError::Timeout {
            store: StoreName::Redis,
            operation,
        };
    }
    // A wrong type or a broken script is a defect; everything else is a temporary state of the server: loading,
    // failover, out of memory, authentication failed.
    let bug = matches!(
        error.kind(),
        redis::ErrorKind::Parse
            | redis::ErrorKind::UnexpectedReturnType
            | redis::ErrorKind::Client
            | redis::ErrorKind::Server(redis::ServerErrorKind::ResponseError | redis::ServerErrorKind::CrossSlot)
    ) || error.code() == Some("WRONGTYPE");
    if bug {
        StoreError::Data {
            store: StoreName::Redis,
            operation,
            cause,
        }
    } else {
        StoreError::Unavailable {
            store: StoreName::Redis,
            operation,
            cause,
        }
    }
}

/// Parses one response of several.
pub(super) fn read<T: FromRedisValue>(operation: &'static str, value: Value) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|error| StoreError::Data {
        store: StoreName::Redis,
        operation,
        cause: error.to_string(),
    })
}
