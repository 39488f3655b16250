//! The PostgreSQL pool.
//!
//! Every wait has a timeout: `wait` for a free connection, `connect_timeout` for a new one, `statement_timeout` for a
//! response (that of the server, and a little longer on this side for a server that hangs or is disconnected). A
//! connection whose call was cancelled is closed and never reused: the next caller would receive the response to the
//! cancelled call.
//!
//! With `PgBouncer` in transaction mode: version 1.21 or later with `max_prepared_statements` above 0, and
//! `ignore_startup_parameters = options` (then set `statement_timeout` for the role). `migrate` needs a direct URL,
//! because its lock belongs to a server session.

mod address;
mod client;
mod error;
mod executor;
mod listener;
mod transaction;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deadpool_postgres::{ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use prometheus::IntGauge;
use tokio::sync::Notify;
use uuid::Uuid;

pub use self::address::BadUrl;
pub(in crate::store) use self::address::Dedicated;
pub use self::client::Client;
pub(in crate::store) use self::error::from_call as call_error;
use self::error::{POSTGRES, count_error};
pub use self::executor::{Executor, FromRecord, Params, Record};
pub(in crate::store) use self::listener::Listener;
pub use self::transaction::{OnUserChanged, Transaction};
use super::{StoreError, sql};
use crate::metrics::Metrics;
use crate::secret::Secret;

/// The label of the replicas in `store_up`: a replica that is away is not an outage of PostgreSQL.
const REPLICA: &str = "postgres_replica";
/// How long to wait for a response after the server's own `statement_timeout`, before the connection is closed.
const SLACK: Duration = Duration::from_millis(250);

/// The URLs and timeouts of PostgreSQL.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The primary: `postgres://user:password@host/db`, or `postgres:///db?host=/run/postgresql`.
    /// `address.rs` says what `sslmode` means here.
    pub url: Secret,
    /// The maximum number of connections per server.
    pub max: usize,
    /// The timeout for a free connection.
    pub wait: Duration,
    /// The timeout of a statement.
    pub statement_timeout: Duration,
    /// The timeout of connecting, TLS and authentication included.
    pub connect_timeout: Duration,
    /// Replicas for queries that tolerate replication lag. An unreachable one is skipped.
    pub replicas: Vec<Secret>,
}

/// The pools: one for the primary, one per replica. Cloning shares them.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    primary: Server,
    replicas: Vec<Server>,
    turn: AtomicUsize,
    on_user_changed: OnceLock<OnUserChanged>,
}

struct Server {
    pool: Pool,
    /// The gauge `store_up` of this server.
    up: IntGauge,
    address: address::Address,
    metrics: Arc<Metrics>,
    wait_for_answer: Duration,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("replicas", &self.0.replicas.len())
            .finish_non_exhaustive()
    }
}

/// Checks a URL. Does not connect.
///
/// # Errors
/// A description of the mistake, which does not quote the URL.
pub fn check_url(url: &Secret) -> Result<(), BadUrl> {
    address::Address::parse(url, Duration::from_secs(1)).map(drop)
}

impl Postgres {
    /// Creates the pools. Does not connect: the first call finds out whether a server is reachable, and calls succeed
    /// as soon as it is. Fails only for an invalid URL.
    pub fn connect(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, BadUrl> {
        let replicas = settings
            .replicas
            .iter()
            .map(|url| Server::new(url, REPLICA, settings, metrics))
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            primary: Server::new(&settings.url, POSTGRES, settings, metrics)?,
            replicas,
            turn: AtomicUsize::new(0),
            on_user_changed: OnceLock::new(),
        })))
    }

    /// Sets the cache that has to be told of changes of accounts; once per process.
    pub fn on_user_changed(&self, tell: OnUserChanged) {
        // A second call would be a defect of the composition root; the first cache is kept.
        let _ = self.0.on_user_changed.set(tell);
    }

    /// A connection to the primary; dropping it returns it to the pool.
    pub async fn client(&self) -> Result<Client, StoreError> {
        self.0.primary.client("connect").await
    }

    /// Starts a transaction on the primary. If it is dropped without [`Transaction::commit`], it is rolled back.
    pub async fn transaction(&self, operation: &'static str) -> Result<Transaction, StoreError> {
        let client = self.0.primary.client(operation).await?;
        Transaction::begin(client, operation, self.0.on_user_changed.get().cloned()).await
    }

    /// An executor for queries that tolerate replication lag; the primary if there is no replica, or it is unreachable.
    pub fn reader(&self) -> Reader<'_> {
        Reader(self)
    }

    /// Whether the primary responds, for the gauge `store_up`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.fetch(&sql::PING, &[]).await.map(drop)
    }

    /// Sets the gauges of the primary's pool; called before each scrape.
    pub fn record_pool(&self) {
        let Server { pool, metrics, .. } = &self.0.primary;
        let status = pool.status();
        let idle = status.available.min(status.size);
        let connections = &metrics.store_pool_connections;
        connections.with_label_values(&[POSTGRES, "idle"]).set(to_gauge(idle));
        connections
            .with_label_values(&[POSTGRES, "used"])
            .set(to_gauge(status.size - idle));
        metrics
            .store_pool_pending_requests
            .with_label_values(&[POSTGRES])
            .set(to_gauge(status.waiting));
    }

    /// A connection of its own, outside the pool, without `statement_timeout`: for migrations.
    pub(super) async fn dedicated(&self, operation: &'static str) -> Result<Dedicated, StoreError> {
        self.0.primary.address.dedicated(operation).await
    }

    /// A connection of its own, outside the pool, that listens for notifications as `listen` says.
    pub(super) async fn listener(
        &self,
        listen: &'static sql::Query,
        notified: &Arc<Notify>,
    ) -> Result<Listener, StoreError> {
        let primary = &self.0.primary;
        let timeout = primary.wait_for_answer.saturating_sub(SLACK);
        let connection = primary.address.listening(listen.name, timeout, Arc::clone(notified));
        Listener::begin(connection.await?, listen).await
    }

    /// Closes idle connections and refuses new ones.
    pub fn close(&self) {
        self.0.primary.pool.close();
        self.0.replicas.iter().for_each(|replica| replica.pool.close());
    }
}

/// Reads from a replica if there is one; see [`Postgres::reader`].
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a Postgres);

impl Server {
    fn new(url: &Secret, name: &str, settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, BadUrl> {
        let address = address::Address::parse(url, settings.connect_timeout)?;
        let manager = address.manager(
            settings.statement_timeout,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(settings.max)
            .wait_timeout(Some(settings.wait))
            .create_timeout(Some(settings.connect_timeout))
            .recycle_timeout(Some(settings.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is named, which is all that can be missing");
        metrics
            .store_pool_max_connections
            .with_label_values(&[POSTGRES])
            .set(to_gauge(settings.max));
        Ok(Self {
            pool,
            address,
            up: metrics.store_up.with_label_values(&[name]),
            metrics: Arc::clone(metrics),
            wait_for_answer: settings.statement_timeout + SLACK,
        })
    }

    async fn client(&self, operation: &'static str) -> Result<Client, StoreError> {
        let started = Instant::now();
        let object = self.pool.get().await;
        self.metrics
            .store_pool_wait
            .with_label_values(&[POSTGRES])
            .observe(started.elapsed().as_secs_f64());
        match object {
            Ok(object) => Ok(Client::new(
                object,
                self.pool.clone(),
                self.wait_for_answer,
                self.up.clone(),
                Arc::clone(&self.metrics),
            )),
            Err(error) => {
                if matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
                    self.metrics.store_pool_timeouts.with_label_values(&[POSTGRES]).inc();
                }
                let error = error::from_pool(operation, error);
                count_error(&self.metrics, &self.up, operation, &error);
                Err(error)
            }
        }
    }
}

fn to_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Executor for Postgres {
    async fn fetch(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        let client = self.0.primary.client(query.name).await?;
        client.fetch(query, params).await
    }

    async fn execute(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<u64, StoreError> {
        let client = self.0.primary.client(query.name).await?;
        client.execute(query, params).await
    }

    async fn user_changed(&self, id: Uuid) {
        if let Some(tell) = self.0.on_user_changed.get() {
            tell(vec![id]).await;
        }
    }
}

impl Executor for Reader<'_> {
    async fn fetch(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        let inner = &self.0.0;
        if !inner.replicas.is_empty() {
            let turn = inner.turn.fetch_add(1, Ordering::Relaxed) % inner.replicas.len();
            let answer = match inner.replicas[turn].client(query.name).await {
                Ok(client) => client.fetch(query, params).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.is_outage() => {
                    tracing::warn!(operation = query.name, replica = turn, %error, "a replica is away; asking the primary");
                }
                answer => return answer,
            }
        }
        self.0.fetch(query, params).await
    }

    async fn execute(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<u64, StoreError> {
        self.0.execute(query, params).await
    }
}
